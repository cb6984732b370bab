"""All the papers of one patient, drawn from a random stream of their own beside the life."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from services.demo.dice import PAPERWORK, Dice
from services.demo.facts import PatientRecord
from services.demo.paperwork.background import background_papers
from services.demo.paperwork.billing import billing_papers
from services.demo.paperwork.filing import Paper
from services.demo.paperwork.follow_up import follow_up_papers
from services.demo.paperwork.medicines import medicine_papers
from services.demo.paperwork.reports import report_papers

KINDS = (
    "MedicationAdministration", "MedicationStatement", "AllergyIntolerance", "Immunization", "FamilyMemberHistory",
    "Consent", "Appointment", "Task", "QuestionnaireResponse", "DiagnosticReport", "Coverage", "Claim",
    "ExplanationOfBenefit",
)  # fmt: skip


def papers(record: PatientRecord, coded: Mapping[str, str]) -> Iterator[Paper]:
    """Every paper of the patient; `coded` has the CodeableConcept of each drug."""
    dice = Dice(record.seed, record.number, PAPERWORK)
    yield from background_papers(dice, record)
    yield from medicine_papers(dice, record, coded)
    yield from follow_up_papers(dice, record)
    yield from report_papers(record)
    yield from billing_papers(dice, record)
