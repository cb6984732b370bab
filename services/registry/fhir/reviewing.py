"""`$review`: words about a release, kept in the memory as they are said. They decide nothing and count for no quorum.

CRMI sets `date` and `lastReviewDate` by it; here both follow from the ledger. The day by which a release that runs must be
looked at again is moved by a vote alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from services.guidance.lifecycle import Person
from services.registry.decisions.proposals import Proposal
from services.registry.fhir import shelf
from services.registry.fhir.approving import must_be_of, must_be_today, must_be_you
from services.registry.fhir.held import Place
from services.registry.fhir.names import REVIEWED
from services.registry.fhir.parameters import one_text
from services.registry.memory import ledger
from services.registry.memory.notes import must_note, patient_like
from services.timeline.errors import BadInput

LONGEST: Final = 4000
MOST_RELATED: Final = 20
TYPES: Final = ("comment", "change-request")
"""Of CRMI's kinds of information, those that are words alone."""
REVIEW: Final[Mapping[str, tuple[str, ...]]] = {
    "reviewDate": ("valueDate", "valueDateTime"),
    "artifactAssessmentType": ("valueCode",),
    "artifactAssessmentSummary": ("valueMarkdown", "valueString"),
    "artifactAssessmentTarget": ("valueCanonical", "valueUri"),
    "artifactAssessmentRelatedArtifact": ("valueUri", "valueCanonical"),
    "artifactAssessmentAuthor": ("valueReference",),
}
"""Parameters of `$review`: CRMI's, no others."""


def review(
    connection: Connection, number: str, given: Mapping[str, list[Any]], *, by: Person, place: Place, now: datetime
) -> Proposal:
    """Keep one review of the release behind a PlanDefinition, whatever its state."""
    proposal = shelf.plan_behind(connection, number)
    must_note(by)
    must_be_of(connection, proposal, one_text(given, "artifactAssessmentTarget"), place)
    must_be_today(one_text(given, "reviewDate"), now, place="reviewDate")
    must_be_you(given, by)
    kind = one_text(given, "artifactAssessmentType", "comment")
    if kind not in TYPES:
        raise BadInput(
            f"no review of type {kind[:40]}", place="artifactAssessmentType", remedy=f"Choose from {', '.join(TYPES)}"
        )
    said = " ".join(one_text(given, "artifactAssessmentSummary").split())
    if not 1 <= len(said) <= LONGEST:
        raise BadInput(f"1 to {LONGEST} characters", place="artifactAssessmentSummary", remedy="Say what was found")
    if found := patient_like(said):
        raise BadInput(
            f"it seems to hold {found}",
            place="artifactAssessmentSummary",
            remedy="Write it without anything that tells who a patient is",
        )
    related = [str(one) for one in given.get("artifactAssessmentRelatedArtifact", [])]
    if len(related) > MOST_RELATED or any(not one.isprintable() or len(one) > 500 for one in related):
        raise BadInput(
            f"up to {MOST_RELATED} addresses of 500 characters",
            place="artifactAssessmentRelatedArtifact",
            remedy="Name fewer",
        )
    ledger.append(
        connection,
        actor=by.name,
        role=",".join(sorted(by.roles)),
        action=REVIEWED,
        subject=proposal.release,
        detail={"proposal": proposal.id, "type": kind, "reason": said, "related": related},
        now=now,
    )
    return proposal
