"""The silent period: what would have been said, joined with what happened, as evidence that the gates can read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from statsmodels.stats.proportion import proportion_confint

from services.guidance.alert_evidence import Alerts
from services.guidance.errors import BadRelease
from services.guidance.evidence import SILENT_FILE, SilentMonth, decode_report
from services.guidance.features import read_features
from services.guidance.group_evidence import SILENT_GROUPS_FILE, read_groups
from services.guidance.ready import open_release
from services.guidance.release import pack, unpack_evidence
from services.learner.evidence.silent import weigh_silence
from services.learner.evidence.skew import STATES, UNEXPLAINED
from services.learner.intake.ingest import ingest
from services.learner.retrain import Trained
from services.plumbing.event_store import EventStore
from services.timeline.errors import BadInput
from services.timeline.instants import DAY, instant_text, parse_instant
from services.timeline.timeline import assemble, index_rows
from tests.learner.made_up_ward import day_of, ward, write_ndjson

PATIENTS = 400


@pytest.fixture(scope="module")
def new_store(tmp_path_factory: pytest.TempPathFactory) -> EventStore:
    """Another 400 patients of the same kind: the silent period."""
    folder = tmp_path_factory.mktemp("silent")
    ingest(write_ndjson(folder / "new.ndjson", ward(PATIENTS, seed=6)), folder / "store")
    return EventStore.open(folder / "store")


@pytest.fixture(scope="module")
def logged(trained: Trained, new_store: EventStore) -> list[dict[str, Any]]:
    """What CDS would have logged for each of them, 24 hours after admission."""
    release = open_release(trained.bundle)
    out: list[dict[str, Any]] = []
    for bucket in range(new_store.buckets):
        timeline = assemble(new_store.read_bucket(bucket))
        numbers = [int(p[1:]) for p in timeline.patients]
        at = [parse_instant(f"{day_of(i)}T08:00:00Z") + DAY for i in numbers]
        rows = index_rows(timeline, [f"p{i}" for i in numbers], at, [f"e{i}" for i in numbers])
        matrix = read_features(release.plan, timeline, rows)
        risks = release.model.risk(matrix.model_inputs(release.model.inputs)).tolist()
        for row, (i, risk) in enumerate(zip(numbers, risks, strict=True)):
            states = [STATES[s] for s in matrix.states[row].tolist()]
            values = matrix.values[row].tolist()
            out.append(
                {
                    "decision": f"d{i:04d}", "at": instant_text(at[row]), "index_at": instant_text(at[row]),
                    "guidance": "made-up-death", "release": trained.bundle.digest, "stage": "silent",
                    "patient": f"p{i}", "encounter": f"e{i}", "risk": risk, "hook": "patient-view",
                    "status": "silent" if risk >= 2 * release.base_rate else "below-band",
                    "features": {n: v if s == "value" else None for n, v, s in zip(matrix.names, values, states, strict=True)},
                    "states": dict(zip(matrix.names, states, strict=True)), "sources": {}, "feedback": [],
                }
            )  # fmt: skip
    return out


def write(path: Path, decisions: list[dict[str, Any]]) -> Path:
    """Decisions as CDS exports them."""
    path.write_text("".join(json.dumps(d) + "\n" for d in decisions))
    return path


def test_a_silent_period_of_a_sound_model(
    tmp_path: Path, trained: Trained, new_store: EventStore, logged: list[dict[str, Any]]
) -> None:
    """Events about as many as expected, alerts counted, no skew; the pack is bound to the release and reads back."""
    found = weigh_silence(new_store, trained.bundle, write(tmp_path / "d.ndjson", logged))
    report = found.report
    assert (report.decisions, report.matured) == (PATIENTS, PATIENTS)
    assert report.events == found.outcomes["positive"]
    assert report.calibration is not None
    low, high = report.calibration.o_e.ci
    assert low < 1 < high
    assert report.calibration.expected == pytest.approx(sum(d["risk"] for d in logged))
    assert report.alert_rate.value == sum(d["status"] == "silent" for d in logged) / PATIENTS
    assert report.skew.compared == 4 * PATIENTS
    assert report.skew.different == 0
    assert report.unknown_share == 0
    back = unpack_evidence(pack(found.pack), expected_digest=found.pack.digest)
    assert (back.evidence, back.release) == ("silent", trained.bundle.digest)
    assert decode_report(back.files[SILENT_FILE], SilentMonth, place=SILENT_FILE) == report
    assert b'"p1"' not in b"".join(back.files.values())


def test_the_same_decisions_in_any_order_are_the_same_evidence(
    tmp_path: Path, trained: Trained, new_store: EventStore, logged: list[dict[str, Any]]
) -> None:
    """The digest is of what was found."""
    one = weigh_silence(new_store, trained.bundle, write(tmp_path / "a.ndjson", logged))
    two = weigh_silence(new_store, trained.bundle, write(tmp_path / "b.ndjson", logged[::-1]))
    assert one.pack.digest == two.pack.digest


def test_a_stay_counts_once_however_often_its_chart_was_opened(
    tmp_path: Path, trained: Trained, new_store: EventStore, logged: list[dict[str, Any]]
) -> None:
    """Repeated calls raise the number of decisions, not that of outcomes, events or alerts."""
    once = weigh_silence(new_store, trained.bundle, write(tmp_path / "a.ndjson", logged)).report
    again = [d | {"decision": d["decision"] + "x"} for d in logged]
    twice = weigh_silence(new_store, trained.bundle, write(tmp_path / "b.ndjson", logged + again)).report
    assert twice.decisions == 2 * once.decisions
    assert (twice.matured, twice.events, twice.alert_rate) == (once.matured, once.events, once.alert_rate)


def test_what_the_policy_silences_is_no_card_and_what_cools_down_is_one(
    tmp_path: Path, trained: Trained, new_store: EventStore, logged: list[dict[str, Any]]
) -> None:
    """A cool-down follows a card that was due; a suppression of the policy means that none was. A rule alone counts."""
    due = [d for d in logged if d["status"] == "silent"]
    assert len(due) > 3

    def rate(changes: dict[str, Any]) -> float:
        changed = [d | changes if d is due[0] else d for d in logged]
        found = weigh_silence(new_store, trained.bundle, write(tmp_path / "d.ndjson", changed))
        return round(found.report.alert_rate.value * PATIENTS)

    assert rate({}) == len(due)
    for reason in (
        "cool-down",
        "cool-down: said within the last 24 h; unknown: hb",
        "snoozed: patient-refuses",
        "cap: 5",
    ):
        assert rate({"status": "suppressed", "reason": reason}) == len(due)
    assert rate({"status": "masked"}) == len(due)
    for reason in ("policy: known", "rule: known"):
        assert rate({"status": "suppressed", "reason": reason}) == len(due) - 1
    assert rate({"risk": None}) == len(due)


def test_pending_outcomes_are_not_taken_for_good_ones(
    tmp_path: Path, trained: Trained, new_store: EventStore, logged: list[dict[str, Any]]
) -> None:
    """With the data ending in spring, the stays of summer have no outcome yet; with none known, it says wait."""
    path = write(tmp_path / "d.ndjson", logged)
    spring = weigh_silence(new_store, trained.bundle, path, data_end=parse_instant("2024-05-01"))
    assert 0 < spring.report.matured < PATIENTS
    assert spring.report.decisions == PATIENTS
    with pytest.raises(BadInput, match="no decision has a known outcome yet"):
        weigh_silence(new_store, trained.bundle, path, data_end=parse_instant("2024-01-01"))


def test_a_feature_that_was_read_differently_is_counted(
    tmp_path: Path, trained: Trained, new_store: EventStore, logged: list[dict[str, Any]]
) -> None:
    """A value that no cause explains stays unexplained in the report, where the gate sees it."""
    wrong = [d | {"features": d["features"] | {"age": 1.5}} for d in logged[:3]] + logged[3:]
    found = weigh_silence(new_store, trained.bundle, write(tmp_path / "d.ndjson", wrong))
    assert found.report.skew.different == found.report.skew.unexplained == 3
    assert found.skew.causes[UNEXPLAINED] == 3


def test_decisions_of_another_stage_or_release_are_no_silence(
    tmp_path: Path, trained: Trained, new_store: EventStore, logged: list[dict[str, Any]]
) -> None:
    """Only the silent stage of this very release counts."""
    pilot = write(tmp_path / "p.ndjson", [d | {"stage": "pilot"} for d in logged])
    with pytest.raises(BadInput, match="silent stage"):
        weigh_silence(new_store, trained.bundle, pilot)
    other = write(tmp_path / "o.ndjson", [d | {"release": "sha256:" + "0" * 64} for d in logged])
    with pytest.raises(BadInput, match="no decision of"):
        weigh_silence(new_store, trained.bundle, other)


def test_a_release_that_was_altered_weighs_nothing(
    tmp_path: Path, trained: Trained, new_store: EventStore, logged: list[dict[str, Any]]
) -> None:
    """The bundle is opened first: what cannot speak cannot be weighed."""
    from dataclasses import replace

    broken = replace(trained.bundle, files={**trained.bundle.files, "model.json": b"{}"})
    with pytest.raises(BadRelease):
        weigh_silence(new_store, broken, write(tmp_path / "d.ndjson", logged))


def test_of_those_who_would_have_had_a_card_it_is_counted_how_many_had_the_outcome(
    tmp_path: Path, trained: Trained, new_store: EventStore, logged: list[dict[str, Any]]
) -> None:
    """By stay, with an interval as Wilson's; a card that a rule alone brings counts, and of few patients no number is told."""
    died = who_died()
    due = [d for d in logged if d["status"] == "silent"]
    alerts = weigh_silence(new_store, trained.bundle, write(tmp_path / "d.ndjson", logged)).report.alerts
    assert alerts is not None
    assert (alerts.stays, alerts.patients) == (len(due), len(due))
    assert alerts.right == sum(died[d["patient"]] for d in due)
    assert alerts.ppv is not None
    assert alerts.ppv.value == pytest.approx(alerts.right / len(due))
    low, high = proportion_confint(alerts.right, len(due), method="wilson")
    assert alerts.ppv.ci == pytest.approx(
        (low, high), abs=0.003
    )  # ours adds up by patient, which costs one degree of freedom
    by_rule = [d | {"risk": None} if d is due[0] else d for d in logged]
    again = weigh_silence(new_store, trained.bundle, write(tmp_path / "r.ndjson", by_rule)).report
    assert again.alerts == alerts
    assert again.matured == PATIENTS - 1
    few = {d["decision"] for d in due[9:]}
    quiet = [d | {"status": "below-band"} if d["decision"] in few else d for d in logged]
    told = weigh_silence(new_store, trained.bundle, write(tmp_path / "q.ndjson", quiet)).report.alerts
    assert told == Alerts(stays=9, patients=9)


def test_each_site_and_group_of_a_silent_period_is_held_against_the_limits(
    tmp_path: Path, trained: Trained, logged: list[dict[str, Any]]
) -> None:
    """By site, sex and age, as at training; flagged is who would have had a card, and the figures are those of the stays."""
    resources = ward(PATIENTS, seed=6)
    for one in resources:
        if one["resourceType"] == "Encounter":
            east = int(one["id"][1:]) % 3 == 0
            one["serviceProvider"] = {"reference": f"Organization/{'east' if east else 'west'}"}
    ingest(write_ndjson(tmp_path / "sites.ndjson", resources), tmp_path / "store")
    store = EventStore.open(tmp_path / "store")
    found = weigh_silence(store, trained.bundle, write(tmp_path / "d.ndjson", logged))
    told = read_groups(found.pack.files[SILENT_GROUPS_FILE], place=SILENT_GROUPS_FILE)
    table = told.predictions["risk"]
    assert table is not None
    by_name = {(one.attribute, one.value): one for one in table.groups}
    assert {"sex", "age", "site"} <= {attribute for attribute, _ in by_name}
    died = who_died()
    for value, rest in (("east", {0}), ("west", {1, 2})):
        here = [d for d in logged if int(d["patient"][1:]) % 3 in rest]
        one = by_name["site", value]
        assert (one.rows, one.patients) == (len(here), len(here))
        assert one.observed_expected.estimate is not None
        events = sum(died[d["patient"]] for d in here)
        assert one.observed_expected.estimate.value == pytest.approx(events / sum(d["risk"] for d in here))
        assert one.sensitivity.estimate is not None
        caught = sum(died[d["patient"]] for d in here if d["status"] == "silent")
        assert one.sensitivity.estimate.value == pytest.approx(caught / events)
    assert told.release == trained.bundle.digest


def test_a_silent_period_in_which_nobody_had_the_outcome_tells_of_no_groups(
    tmp_path: Path, trained: Trained, new_store: EventStore, logged: list[dict[str, Any]]
) -> None:
    """There is nothing to hold against a limit, and the file says so by holding nothing."""
    died = who_died()
    alive = [d for d in logged if not died[d["patient"]]]
    found = weigh_silence(new_store, trained.bundle, write(tmp_path / "d.ndjson", alive))
    assert read_groups(found.pack.files[SILENT_GROUPS_FILE]).predictions == {"risk": None}


def who_died() -> dict[str, bool]:
    """By patient, as the ward was made."""
    stays = [one for one in ward(PATIENTS, seed=6) if one["resourceType"] == "Encounter"]
    return {
        one["subject"]["reference"].removeprefix("Patient/"): one["hospitalization"]["dischargeDisposition"]["coding"][0]["code"] == "exp"
        for one in stays
    }  # fmt: skip
