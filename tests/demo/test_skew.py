"""Show 5: what CDS logged at the bedside, against the learner's rebuild from the final history, bit for bit.

The bedside sees the record as of t through the advertised prefetch with its `_count`; the learner sees everything, with
the times at which it was known. Whatever differs has a cause that is listed here and in docs/demo-hospital.md.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

import services.guidance as guidance_room
from services.cds.settings import CdsSettings
from services.demo.facts import DAY, HOUR, PatientRecord, Stay
from services.demo.fhir_search import hook_request
from services.demo.hospital import Hospital
from services.demo.replay import BedsideClock
from services.demo.resources import Shapes
from services.guidance.check import load_guidance
from services.guidance.features import read_features
from services.guidance.prefetch import feature_queries
from services.guidance.reading.plan import compile_features
from services.guidance.release import ReleaseBundle, build_release
from services.learner.evidence.decisions_file import LoggedDecision, read_decisions
from services.learner.evidence.skew import STATES, UNEXPLAINED, SkewFound, compare_features
from services.timeline.events import EventBatch, EventColumns
from services.timeline.flatten import flatten_json
from services.timeline.timeline import assemble, index_rows
from tests.cds.conftest import Running, run
from tests.cds.fake_registry import FakeRegistry

pytestmark = pytest.mark.anyio

REQUESTS = int(os.environ.get("KNOWDO_TEST_SKEW_REQUESTS", "2000"))  # about 20 ms each
FOLDER = Path(guidance_room.__file__).parent / "library" / "readmission-30d"
URL = "https://cds.hospital.example"

PLAN_CHANGED = "the patient went elsewhere than was planned at the hook"
NOT_PLANNED = "the patient left against advice, which nobody had planned at the hook"
STILL_OPEN = "the stay was still open: its plan stands in the Encounter then, its outcome in history"
DISPOSITION = {
    "discharge_to", "discharge_planned", "discharged_dead", "discharged_to_hospice", "transferred_to_acute_care",
    "left_against_advice",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One feature of one request that is not what history says."""

    stay: Stay
    feature: str
    logged: tuple[str, float | None]
    rebuilt: tuple[str, float | None]


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What was asked and answered, what differs, and what the learner's own comparison makes of it."""

    requests: int
    answered: Counter[int]
    values: int
    differences: list[Difference]
    learner: SkewFound
    traps: Counter[str]


def _release() -> ReleaseBundle:
    """The shipped guidance with a model of two steps; the features are what is compared."""
    model = {
        "kind": "scorecard",
        "inputs": ["age", "admissions_12m"],
        "intercept": -2.5,
        "linear": [],
        "steps": [
            {"input": 0, "cuts": [70.0], "values": [0.0, 0.5], "missing": 0.0},
            {"input": 1, "cuts": [0.5, 2.5], "values": [0.0, 0.7, 1.5], "missing": 0.0},
        ],
        "pairs": [],
        "calibration": {"intercept": 0.0, "slope": 1.0},
        "reference": {"name": "made-up people", "linear": [], "steps": [0.3, 0.3], "pairs": []},
    }
    reference = {"name": "made-up people", "base_rate": 0.12, "n": 1000, "events": 120, "inputs": {}}
    return build_release(load_guidance(FOLDER), json.dumps(model).encode(), reference)


async def _compare(tmp_path: Path, *, requests: int, hook: str, before: int) -> Compared:
    """Call the running service `before` the end of that many stays, and rebuild what it logged."""
    hospital = Hospital.ending(date(2026, 6, 1), seed=20, patients=2 * requests)
    records: list[PatientRecord] = []
    stays: list[tuple[PatientRecord, Stay]] = []
    for record in hospital.records():
        records.append(record)
        stays += [
            (record, stay)
            for stay in record.stays
            # what is recorded or corrected days later must be part of the final history
            if stay.kind == "IMP" and stay.disposition != "exp" and stay.end < hospital.until - 10 * DAY
            and stay.end - before > stay.start + HOUR
        ]  # fmt: skip
        if len(stays) >= requests:
            break
    stays = stays[:requests]
    assert len(stays) == requests
    logged, answered = await _call(tmp_path, stays, hook=hook, before=before)
    batch = EventBatch()
    for record in records:
        for _, text in Shapes(record).everything(hospital.until, versions=True):
            flatten_json(text.encode(), batch)
    return _rebuild(logged, batch.columns(), stays, answered, before)


def _rebuild(
    logged: list[LoggedDecision],
    columns: EventColumns,
    stays: list[tuple[PatientRecord, Stay]],
    answered: Counter[int],
    before: int,
) -> Compared:
    """The features of every decision once more, from the final history."""
    guidance = load_guidance(FOLDER)
    plan = compile_features(
        guidance.definition, guidance.value_sets, feature_queries(guidance.definition, guidance.value_sets)
    )
    timeline = assemble(columns)
    rows = index_rows(timeline, [d.person for d in logged], [d.moment for d in logged], [d.stay for d in logged])
    matrix = read_features(plan, timeline, rows)
    by_id = {stay.id: stay for _, stay in stays}
    differences = []
    for row, decision in enumerate(logged):
        assert set(decision.states) == set(plan.names)
        for place, name in enumerate(plan.names):
            state = STATES[int(matrix.states[row, place])]
            rebuilt = (state, float(matrix.values[row, place]) if state == "value" else None)
            told = (decision.states[name], decision.features[name])
            if told != rebuilt:
                differences.append(Difference(stay=by_id[decision.stay], feature=name, logged=told, rebuilt=rebuilt))
    return Compared(
        requests=len(logged),
        answered=answered,
        values=len(logged) * len(plan.names),
        differences=differences,
        learner=compare_features(guidance.definition, guidance.value_sets, plan, columns, logged),
        traps=_traps(stays, before),
    )


async def _call(
    tmp_path: Path, stays: list[tuple[PatientRecord, Stay]], *, hook: str, before: int
) -> tuple[list[LoggedDecision], Counter[int]]:
    """Post every hook request to the running service; what it logged, and how it answered."""
    registry = FakeRegistry()
    release = _release()
    registry.deploy(release)
    settings = CdsSettings(var=tmp_path, demo=True, public_url=URL, export_token="export-me")
    clock = BedsideClock()
    answered: Counter[int] = Counter()
    async with run(settings, registry, client=registry.client(), clock=clock) as cds:
        service = await _service(cds, hook)
        for record, stay in stays:
            clock.at = stay.end - before
            body = msgspec.json.encode(hook_request(service, record, stay.id, clock.at))
            answered[(await cds.post("/cds-services/readmission-30d", body)).status_code] += 1
        exported = await cds.http.get("/decisions/export", headers={"Authorization": "Bearer export-me"})
    file = tmp_path / "decisions.ndjson"
    file.write_bytes(exported.content)
    return read_decisions(file, guidance=release.guidance, release=release.digest), answered


async def _service(cds: Running, hook: str) -> dict[str, Any]:
    services = (await cds.http.get("/cds-services")).json()["services"]
    return next(entry for entry in services if entry["hook"] == hook)


def _cause(difference: Difference) -> str:
    """Why it differs, from what truly happened; a difference without a cause is the alarm."""
    stay = difference.stay
    if difference.feature not in DISPOSITION:
        return ""
    if difference.rebuilt[0] == "absent" or difference.rebuilt[1] == 0.0 != difference.logged[1]:
        at_bedside = difference.logged[0] == "value"
        if at_bedside and stay.planned_disposition == stay.disposition:
            return STILL_OPEN
    if stay.disposition == "aadvice":
        return NOT_PLANNED
    return PLAN_CHANGED if stay.disposition != stay.planned_disposition else ""


def _traps(stays: list[tuple[PatientRecord, Stay]], before: int) -> Counter[str]:
    """How many stays have something that looks different later: the comparison must have met all of them."""
    met: Counter[str] = Counter()
    for record, stay in stays:
        at = stay.end - before
        results = [result for result in record.results if result.encounter == stay.id and result.taken <= at]
        met["result pending"] += any(result.issued > at for result in results)
        met["result corrected later"] += any(result.issued <= at < result.corrected < 2**60 for result in results)
        met["diagnosis coded later"] += any(diagnosis.recorded > at for diagnosis in stay.diagnoses)
        met["diagnosis refuted later"] += any(at < diagnosis.refuted < 2**60 for diagnosis in stay.diagnoses)
        met["order ended later"] += any(order.written <= at < order.ended < 2**60 for order in record.orders)
    return met


async def test_features_at_discharge_equal_the_rebuild_from_history(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Of 2,000 hook requests at discharge every feature is bit-identical, but where the patient left otherwise than planned."""
    compared = await _compare(tmp_path, requests=REQUESTS, hook="encounter-discharge", before=0)
    assert compared.requests == REQUESTS
    assert compared.answered == {200: REQUESTS}
    causes = Counter(_cause(difference) for difference in compared.differences)
    assert set(causes) <= {PLAN_CHANGED, NOT_PLANNED}, [d for d in compared.differences if not _cause(d)][:5]
    assert len(compared.differences) < compared.values / 500
    if REQUESTS >= 300:
        assert min(compared.traps.values()) > 0, compared.traps
        assert len(compared.traps) == 5
    assert compared.learner.compared == compared.values
    assert compared.learner.different == len(compared.differences)
    assert compared.learner.causes[UNEXPLAINED] == 0
    record_property("differences", f"{len(compared.differences)} of {compared.values} values: {dict(causes)}")


async def test_features_hours_before_discharge_differ_only_by_the_plan(tmp_path: Path) -> None:
    """Six hours before, on patient-view, the plan of an open stay is the one thing that history no longer shows."""
    compared = await _compare(tmp_path, requests=max(REQUESTS // 10, 50), hook="patient-view", before=6 * HOUR)
    assert set(compared.answered) == {200}
    causes = Counter(_cause(difference) for difference in compared.differences)
    assert set(causes) <= {PLAN_CHANGED, STILL_OPEN}, [d for d in compared.differences if not _cause(d)][:5]
    assert causes[STILL_OPEN] > 0
    assert compared.learner.causes[UNEXPLAINED] == 0
