"""The papers around a life are sparse, dated as they became known, and agree with the life they are about."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import Any

import pytest

from services.demo.as_of import as_of
from services.demo.facts import DAY, NEVER, PatientRecord
from services.demo.faults.local_codes import drug_codes
from services.demo.hospital import Hospital
from services.demo.paperwork.background import OPTS_OUT
from services.demo.paperwork.papers import KINDS, papers
from services.demo.paperwork.places import places


@pytest.fixture(scope="module")
def filed(records: list[PatientRecord], hospital: Hospital) -> dict[str, list[tuple[PatientRecord, dict[str, Any]]]]:
    """By type, every paper as it stands at the end, with whose it is."""
    found: dict[str, list[tuple[PatientRecord, dict[str, Any]]]] = defaultdict(list)
    for record in records:
        for paper in papers(record, drug_codes(local=False)):
            if text := paper.text(hospital.until):
                found[paper.kind].append((record, json.loads(text)))
    return found


Filed = dict[str, list[tuple[PatientRecord, dict[str, Any]]]]


def test_every_kind_is_there_and_sparse(filed: Filed, records: list[PatientRecord]) -> None:
    """All kinds of paper are filed, fewer than 30 of them a patient."""
    assert set(filed) == set(KINDS)
    assert sum(len(found) for found in filed.values()) / len(records) < 30


def test_a_few_percent_opt_out_of_research(filed: Filed, records: list[PatientRecord]) -> None:
    """The latest consent of about three in a hundred denies research, with the scope that the learner looks for."""
    denied = [one for _, one in filed["Consent"] if one["provision"]["type"] == "deny"]
    assert OPTS_OUT / 2 < len(denied) / len(records) < OPTS_OUT * 2
    assert {one["scope"]["coding"][0]["code"] for one in denied} == {"research"}


def test_statin_intolerance_is_of_those_who_took_one(filed: Filed) -> None:
    """Myalgia caused by statin is recorded only after a statin was ordered."""
    intolerant = [(r, one) for r, one in filed["AllergyIntolerance"] if one["type"] == "intolerance"]
    assert intolerant
    for record, one in intolerant:
        ordered = [order.written for order in record.orders if order.drug in ("atorvastatin", "rosuvastatin")]
        assert ordered
        assert one["code"]["coding"][0]["code"] == "16462851000119106"


def test_appointments_end_as_the_life_went(filed: Filed) -> None:
    """Fulfilled if a visit began at that time; booked ones lie ahead; who stayed away is a no-show."""
    states = Counter(one["status"] for _, one in filed["Appointment"])
    assert states["fulfilled"] > 10 * states["noshow"] > 0
    for record, one in filed["Appointment"]:
        if one["status"] == "fulfilled":
            assert any(stay.kind == "AMB" and abs(stay.end - stay.start) < DAY for stay in record.stays)


def test_an_appointment_is_booked_before_it_is_kept(records: list[PatientRecord]) -> None:
    """As of the discharge the appointment is booked, as of the day after the visit it is fulfilled."""
    record, referral = next((r, one) for r in records for one in r.referrals if one.done + 3 * DAY < r.person.died)
    early = [one for one in as_of(record, referral.written) if one["resourceType"] == "Appointment"]
    late = [one for one in as_of(record, referral.done + 3 * DAY) if one["resourceType"] == "Appointment"]
    assert early[-1]["status"] == "booked"
    assert early[-1]["meta"]["versionId"] == "1"
    assert next(one for one in late if one["id"] == early[-1]["id"])["status"] in ("fulfilled", "noshow")


def test_doses_are_given_while_the_order_runs(filed: Filed) -> None:
    """A MedicationAdministration lies within its order, and is of the same drug."""
    for record, one in filed["MedicationAdministration"][:800]:
        order = next(o for o in record.orders if one["request"]["reference"] == f"MedicationRequest/{o.id}")
        assert order.inpatient
        assert one["context"]["reference"] == f"Encounter/{order.encounter}"


def test_claims_ask_for_the_charges_and_benefits_grant_less(filed: Filed) -> None:
    """A claim's total is the sum of its items; what is granted is less, and decided later."""
    claims = {one["id"]: one for _, one in filed["Claim"]}
    for claim in claims.values():
        assert claim["total"]["value"] == pytest.approx(sum(item["net"]["value"] for item in claim["item"]), abs=0.02)
    for _, one in filed["ExplanationOfBenefit"]:
        asked, granted = (total["amount"]["value"] for total in one["total"])
        claim = claims[one["claim"]["reference"].partition("/")[2]]
        assert asked == claim["total"]["value"]
        assert granted < asked
        assert one["created"] > claim["created"]


def test_answers_come_after_discharge_from_patients_and_providers(filed: Filed) -> None:
    """Two weeks after going home some answer, most of them themselves; the dead do not."""
    authors = Counter(one["author"]["reference"].partition("/")[0] for _, one in filed["QuestionnaireResponse"])
    assert authors["Patient"] > authors["PractitionerRole"] > 0
    for record, one in filed["QuestionnaireResponse"]:
        stay = record.stay(one["encounter"]["reference"].partition("/")[2])
        assert stay.end < record.person.died or record.person.died == NEVER


def test_reports_list_results_of_one_specimen(filed: Filed) -> None:
    """Every result of a panel was taken at the time of the report, which is issued with the last of them."""
    for record, one in filed["DiagnosticReport"][:500]:
        results = {f"Observation/{result.id}": result for result in record.results}
        listed = [results[reference["reference"]] for reference in one["result"]]
        assert len({result.taken for result in listed}) == 1
        assert len(listed) >= 4


def test_what_is_pointed_to_is_there(filed: Filed, records: list[PatientRecord], hospital: Hospital) -> None:
    """Places, roles and payers named anywhere exist."""
    there = {f"{kind}/{json.loads(text)['id']}" for kind, text in places(hospital.begins)}
    named: set[str] = set()
    resources = [one for found in filed.values() for _, one in found]
    resources += [one for record in records[:150] for one in as_of(record, hospital.until)]
    for resource in resources:
        named |= _references(resource)
    wanted = {one for one in named if one.partition("/")[0] in ("Location", "Organization", "PractitionerRole")}
    assert len(wanted) > 20
    assert wanted <= there


def _references(node: Any) -> set[str]:  # any JSON
    if isinstance(node, list):
        return {found for item in node for found in _references(item)}
    if isinstance(node, dict):
        here = {node["reference"]} if isinstance(node.get("reference"), str) else set()
        return here | {found for value in node.values() for found in _references(value)}
    return set()
