"""Skew: the same record gives the same bits; what differs is named by its cause, and what no cause explains is an alarm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import services.guidance as guidance_room
from services.guidance.check import load_guidance
from services.guidance.features import FeaturePlan, compile_features, read_features
from services.guidance.folder import LoadedGuidance
from services.learner.evidence.decisions_file import LoggedDecision, read_decisions
from services.learner.evidence.skew import (
    CORRECTED,
    COVERAGE,
    DRAFTED,
    EARLY,
    LATE,
    PLAN,
    STATES,
    UNEXPLAINED,
    SkewFound,
    compare_features,
)
from services.timeline.errors import BadInput
from services.timeline.events import EventBatch
from services.timeline.flatten import flatten_json
from services.timeline.instants import instant_text, parse_instant
from services.timeline.timeline import assemble, index_rows
from tests.learner.made_up_ward import GUIDANCE, Json, concept, creatinine_of, ward, write_guidance

DAY = "2024-02-02"
HOOK = f"{DAY}T20:00:00Z"


@pytest.fixture(scope="module")
def loaded(made_up_guidance: Path) -> LoadedGuidance:
    """The small guidance."""
    return load_guidance(made_up_guidance)


@pytest.fixture(scope="module")
def plan(loaded: LoadedGuidance) -> FeaturePlan:
    """Its features, compiled."""
    return compile_features(loaded.definition, loaded.value_sets, {})


def batch_of(resources: list[Json]) -> EventBatch:
    """Events of some resources."""
    batch = EventBatch()
    for resource in resources:
        flatten_json(json.dumps(resource).encode(), batch)
    return batch


def person(i: int = 1) -> list[Json]:
    """A patient and their stay."""
    return [r for r in ward(12) if r["id"] in {f"p{i}", f"e{i}"}]


def at_the_bedside(plan: FeaturePlan, resources: list[Json], **changed: Any) -> LoggedDecision:
    """What CDS logs when it sees these resources at the hook."""
    timeline = assemble(batch_of(resources), all_known=True)
    matrix = read_features(plan, timeline, index_rows(timeline, ["p1"], [parse_instant(HOOK)], ["e1"]))
    values, states = matrix.values[0].tolist(), matrix.states[0].tolist()
    sources = {
        name: timeline.resource_words[timeline.resource[row]]
        for name, row in zip(matrix.names, matrix.sources[0].tolist(), strict=True)
        if row >= 0
    }
    logged: dict[str, Any] = {
        "decision": "d1",
        "index_at": HOOK,
        "guidance": "made-up-death",
        "release": "sha256:0",
        "stage": "silent",
        "patient": "p1",
        "encounter": "e1",
        "status": "silent",
        "features": {n: v if s == 0 else None for n, v, s in zip(matrix.names, values, states, strict=True)},
        "states": {n: STATES[s] for n, s in zip(matrix.names, states, strict=True)},
        "sources": sources,
    }
    # Through the export's JSON, as in life: a float that lost a bit there would be a skew.
    return json_round_trip(LoggedDecision(**(logged | changed)))


def json_round_trip(decision: LoggedDecision) -> LoggedDecision:
    """A decision as it comes out of a file."""
    import msgspec

    return msgspec.json.decode(msgspec.json.encode(decision), type=LoggedDecision)


def compare(loaded: LoadedGuidance, plan: FeaturePlan, history: list[Json], *decisions: LoggedDecision) -> SkewFound:
    """The comparison with the final history."""
    return compare_features(loaded.definition, loaded.value_sets, plan, batch_of(history).columns(), decisions)


def test_the_same_record_gives_the_same_bits(loaded: LoadedGuidance, plan: FeaturePlan) -> None:
    """Nothing changed since the hook: every value identical, whatever was added later."""
    seen = [*person(), creatinine_of(1, DAY, 1.1 + 0.2)]
    later = creatinine_of(1, "2024-02-03", 5.0, id="c1-later")
    found = compare(loaded, plan, [*seen, later], at_the_bedside(plan, seen))
    assert (found.compared, found.identical, dict(found.causes)) == (4, 4, {})


def test_a_result_corrected_after_the_hook_is_named(loaded: LoadedGuidance, plan: FeaturePlan) -> None:
    """The history holds only the corrected version: the value differs, and its storing time says why."""
    seen = [*person(), creatinine_of(1, DAY, 1.3)]
    corrected = creatinine_of(1, DAY, 3.1, meta={"lastUpdated": "2024-02-05T00:00:00Z", "versionId": "2"})
    found = compare(loaded, plan, [*person(), corrected], at_the_bedside(plan, seen))
    assert dict(found.causes) == {CORRECTED: 1}
    assert dict(found.by_feature) == {("creatinine", CORRECTED): 1}


def test_every_version_in_the_store_leaves_nothing_to_explain(loaded: LoadedGuidance, plan: FeaturePlan) -> None:
    """With the version that was seen kept beside the corrected one, the rebuild is identical."""
    first = creatinine_of(1, DAY, 1.3, meta={"lastUpdated": f"{DAY}T11:00:00Z", "versionId": "1"})
    corrected = creatinine_of(1, DAY, 3.1, meta={"lastUpdated": "2024-02-05T00:00:00Z", "versionId": "2"})
    found = compare(loaded, plan, [*person(), first, corrected], at_the_bedside(plan, [*person(), first]))
    assert found.identical == found.compared == 4


def test_a_result_that_arrived_late_is_named(loaded: LoadedGuidance, plan: FeaturePlan) -> None:
    """Issued before the hook, stored after it: the bedside could not see it."""
    late = creatinine_of(1, DAY, 3.1, meta={"lastUpdated": "2024-02-05T00:00:00Z", "versionId": "1"})
    found = compare(loaded, plan, [*person(), late], at_the_bedside(plan, person()))
    assert dict(found.causes) == {LATE: 2}
    assert set(found.by_feature) == {("creatinine", LATE), ("creatinines", LATE)}


def test_what_the_prefetch_did_not_cover_is_named(loaded: LoadedGuidance, plan: FeaturePlan) -> None:
    """Unknown at the bedside, known in history: the page did not reach so far."""
    seen = [*person(), creatinine_of(1, DAY, 1.3)]
    decision = at_the_bedside(plan, seen)
    states = decision.states | {"creatinine": "unknown"}
    blind = at_the_bedside(plan, seen, states=states, features=decision.features | {"creatinine": None})
    found = compare(loaded, plan, seen, blind)
    assert dict(found.causes) == {COVERAGE: 1}


def test_what_the_bedside_saw_before_the_record_says_so_is_named(loaded: LoadedGuidance, plan: FeaturePlan) -> None:
    """A preliminary result was on the screen; the record says it was issued later."""
    seen = [*person(), creatinine_of(1, DAY, 1.3)]
    issued_later = creatinine_of(1, DAY, 1.3, issued="2024-02-04T00:00:00Z")
    found = compare(loaded, plan, [*person(), issued_later], at_the_bedside(plan, seen))
    assert dict(found.causes) == {EARLY: 2}


def test_what_no_cause_explains_is_unexplained(loaded: LoadedGuidance, plan: FeaturePlan) -> None:
    """A number that is simply another one rings the alarm, with the decision and the feature."""
    seen = [*person(), creatinine_of(1, DAY, 1.3)]
    decision = at_the_bedside(plan, seen)
    wrong = at_the_bedside(plan, seen, features=decision.features | {"creatinine": 1.3000000000000003})
    found = compare(loaded, plan, seen, wrong)
    assert dict(found.causes) == {UNEXPLAINED: 1}
    assert found.examples == [("d1", "creatinine", UNEXPLAINED)]
    assert found.identical == 3


def test_decisions_without_features_are_not_compared(loaded: LoadedGuidance, plan: FeaturePlan) -> None:
    """A call that failed before it read anything says nothing of skew."""
    failed = at_the_bedside(plan, person(), features={}, states={}, status="failed")
    assert compare(loaded, plan, person(), failed).compared == 0


def test_the_export_is_read_and_a_broken_line_is_named(tmp_path: Path, plan: FeaturePlan) -> None:
    """Only the release asked for, oldest first; a line cut short is a fault with its number, not a silence."""
    import msgspec

    one = at_the_bedside(plan, person())
    two = at_the_bedside(plan, person(), decision="d0", index_at=instant_text(parse_instant(HOOK) - 1))
    other = at_the_bedside(plan, person(), decision="d9", release="sha256:1")
    path = tmp_path / "d.ndjson"
    path.write_bytes(b"\n".join(msgspec.json.encode(d) for d in (one, two, other)) + b"\n")
    found = read_decisions(path, guidance="made-up-death", release="sha256:0")
    assert [d.decision for d in found] == ["d0", "d1"]
    with pytest.raises(BadInput, match="no decision of"):
        read_decisions(path, guidance="made-up-death", release="sha256:2")
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(BadInput, match=r"d\.ndjson:3"):
        read_decisions(path, guidance="made-up-death", release="sha256:0")


def test_a_patient_who_left_otherwise_than_planned_is_named(tmp_path: Path) -> None:
    """At the hook the open stay shows a plan; history shows where the patient went: not a result, and named apart."""
    to = "http://terminology.hl7.org/CodeSystem/discharge-disposition"
    home = (
        f'  home: {{kind: exists, from: Encounter.dischargeDisposition, codes: {{tokens: ["{to}|home"]}}, '
        "this_encounter: true, use: rule, label: goes home}\noutcome:"
    )
    loaded = load_guidance(write_guidance(tmp_path, GUIDANCE.replace("outcome:", home, 1)))
    plan = compile_features(loaded.definition, loaded.value_sets, {})
    patient, ended = person()
    opened = ended | {
        "status": "in-progress",
        "period": {"start": ended["period"]["start"]},
        "hospitalization": {"dischargeDisposition": concept(to, "home")},
    }
    gone = ended | {"period": {"start": ended["period"]["start"], "end": HOOK}}
    gone["hospitalization"] = {"dischargeDisposition": concept(to, "aadvice")}
    stored = gone | {"meta": {"lastUpdated": "2024-02-03T00:00:00Z", "versionId": "2"}}
    found = compare(loaded, plan, [patient, stored], at_the_bedside(plan, [patient, opened]))
    assert dict(found.by_feature) == {("home", PLAN): 1}


def test_what_is_computed_differs_for_the_cause_of_what_it_is_computed_from(tmp_path: Path) -> None:
    """Through any number of formulas, in whatever order they are written: the corrected result is the cause of all."""
    computed = """\
  outer: {kind: formula, formula: map, inputs: {mean: inner}, use: rule, label: outer}
  inner: {kind: formula, formula: map, inputs: {mean: creatinine}, use: rule, label: inner}
outcome:"""
    loaded = load_guidance(write_guidance(tmp_path, GUIDANCE.replace("outcome:", computed, 1)))
    plan = compile_features(loaded.definition, loaded.value_sets, {})
    seen = [*person(), creatinine_of(1, DAY, 1.3)]
    corrected = creatinine_of(1, DAY, 3.1, meta={"lastUpdated": "2024-02-05T00:00:00Z", "versionId": "2"})
    found = compare(loaded, plan, [*person(), corrected], at_the_bedside(plan, seen))
    assert dict(found.by_feature) == {(name, CORRECTED): 1 for name in ("creatinine", "inner", "outer")}


NEPHROTOXIN = load_guidance(Path(guidance_room.__file__).parent / "library/nephrotoxin-aki")


@pytest.mark.parametrize("signed", ["2024-02-02T20:01:30Z", ""], ids=["signed a minute later", "never signed"])
def test_a_draft_that_history_dates_otherwise_is_told_apart_from_skew(signed: str) -> None:
    """What was being ordered at the hook is the call's own: features of orders differ by that, and by nothing else."""
    guidance, value_sets = NEPHROTOXIN.definition, NEPHROTOXIN.value_sets
    ordered = compile_features(guidance, value_sets, {})
    order = {
        "resourceType": "MedicationRequest", "id": "d1", "status": "active", "intent": "order", "authoredOn": HOOK,
        "subject": {"reference": "Patient/p1"},
        "medicationCodeableConcept": concept("http://www.nlm.nih.gov/research/umls/rxnorm", "5640"),
    }  # fmt: skip
    logged = at_the_bedside(ordered, [*person(), order])
    later = [order | {"authoredOn": signed}] if signed else []
    found = compare_features(guidance, value_sets, ordered, batch_of([*person(), *later]).columns(), [logged])
    assert set(found.causes) == {DRAFTED}
    assert {name for name, _ in found.by_feature} == {"nephrotoxin_ordered", "nsaid_ordered", "nephrotoxins_n", "nsaid"}
