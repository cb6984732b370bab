"""The learner's own gate: what would make a release not worth proposing. It decides nothing else; people do."""

from __future__ import annotations

from services.guidance.errors import Refused
from services.guidance.evidence import Evaluation


def reasons_against(evaluation: Evaluation) -> list[str]:
    """Why this release must not be proposed; empty if nothing stands against it."""
    reasons = list(evaluation.leaks.found)
    if not evaluation.events or evaluation.events == evaluation.rows:
        reasons.append("All rows have the same outcome.")
    return reasons


def must_be_proposable(evaluation: Evaluation) -> None:
    """Refused, with the reasons, if the release must not be proposed."""
    if reasons := reasons_against(evaluation):
        raise Refused(
            "nothing is proposed: " + " ".join(reasons),
            place=evaluation.release[:19],
            remedy="Look at what the inputs mean and when they are known; take out what tells the outcome, and train again",
        )
