"""Each vote, and each review, as Basic with CRMI's artifactAssessment extensions: what was judged, how, by whom, with which words.

ArtifactAssessment is a resource of R5; in R4 CRMI puts its elements into a Basic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from services.guidance.lifecycle import Choice
from services.registry.decisions.blind import WHY
from services.registry.decisions.votes import Kept
from services.registry.fhir.held import Held
from services.registry.fhir.names import (
    CRMI,
    EVIDENCE,
    REVIEWED,
    ROLE,
    TRANSITION,
    VOTE,
    Resource,
    coded,
    extension,
    without_nothing,
)

_DISPOSITION: Final[Mapping[Choice, str]] = {
    "approve": "persuasive",
    "approve-with-conditions": "persuasive-with-modification",
    "reject": "not-persuasive",
    "not-enough-evidence": "unresolved",
    "withdraw": "unresolved",
}


def assessments(held: Held) -> list[Resource]:
    """Every vote on a release in the order in which they were cast, then every review."""
    reviews = [_review(held, entry) for entry in held.entries if entry["action"] == REVIEWED]
    return [*(_assessment(held, kept) for kept in held.votes), *reviews]


def assessment_id(ledger_number: int) -> str:
    """A vote is known by its entry in the ledger."""
    return f"vote-{ledger_number}"


def review_id(ledger_number: int) -> str:
    """A review is known by its entry in the ledger, too."""
    return f"review-{ledger_number}"


def _review(held: Held, entry: Mapping[str, Any]) -> Resource:
    """Words about a release that decide nothing."""
    detail = entry["detail"]
    author = {"display": f"{entry['actor']} ({entry['role']})"}
    content = [
        extension("informationType", valueCode=detail["type"]),
        extension("summary", valueMarkdown=detail["reason"]),
        *(
            extension("relatedArtifact", valueRelatedArtifact={"type": "derived-from", "display": one})
            for one in detail["related"]
        ),
        extension("author", valueReference=author),
    ]
    return {
        "resourceType": "Basic",
        "id": review_id(int(entry["number"])),
        "meta": {"versionId": "1", "lastUpdated": entry["at"]},
        "extension": [
            extension(f"{CRMI}Artifact", valueReference={"reference": f"PlanDefinition/{held.key}"}),
            extension(f"{CRMI}Date", valueDateTime=entry["at"]),
            extension(f"{CRMI}WorkflowStatus", valueCode="published"),
            {"url": f"{CRMI}Content", "extension": content},
        ],
        "code": coded("http://hl7.org/fhir/fhir-types", "ArtifactAssessment", "ArtifactAssessment"),
        "subject": {"reference": f"PlanDefinition/{held.key}"},
        "created": entry["at"][:10],
        "author": author,
    }


def _assessment(held: Held, kept: Kept) -> Resource:
    vote, withheld = kept.vote, kept.ledger_number in held.withheld
    spent = vote.round < held.proposal.round
    author = {"display": f"{vote.person} ({vote.role})"}
    said = WHY if withheld else kept.reason
    content = [
        extension("informationType", valueCode="comment"),
        *([extension("summary", valueMarkdown=said)] if said.strip() else []),
        *(
            extension(
                "relatedArtifact", valueRelatedArtifact={"type": "derived-from", "display": f"{EVIDENCE}:{digest}"}
            )
            for digest in sorted(frozenset() if withheld else vote.evidence)
        ),
        extension("author", valueReference=author),
    ]
    return without_nothing(
        {
            "resourceType": "Basic",
            "id": assessment_id(kept.ledger_number),
            "meta": {
                # 0: as who may still vote on the step reads it.
                "versionId": "0" if withheld else str(held.proposal.round - vote.round + 1),
                "lastUpdated": held.changed_at,
            },
            "extension": [
                extension(f"{CRMI}Artifact", valueReference={"reference": f"PlanDefinition/{held.key}"}),
                extension(f"{CRMI}Date", valueDateTime=kept.at),
                extension(f"{CRMI}WorkflowStatus", valueCode="published" if spent else "submitted"),
                *([] if withheld else [extension(f"{CRMI}Disposition", valueCode=_DISPOSITION[vote.vote])]),
                {"url": f"{CRMI}Content", "extension": content},
                extension(ROLE, valueCode=vote.role),
                extension(TRANSITION, valueCode=vote.transition),
                *([] if withheld else [extension(VOTE, valueCode=vote.vote)]),
            ],
            "code": coded("http://hl7.org/fhir/fhir-types", "ArtifactAssessment", "ArtifactAssessment"),
            "subject": {"reference": f"PlanDefinition/{held.key}"},
            "created": kept.at[:10],
            "author": author,
        }
    )
