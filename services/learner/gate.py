"""The learner's own gate: what would make a release not worth proposing. It decides nothing else; people do."""

from __future__ import annotations

from collections.abc import Iterator

from services.guidance.errors import Refused
from services.guidance.evidence import Evaluation, Judged


def reasons_against(evaluation: Evaluation) -> list[str]:
    """Why this release must not be proposed; empty if nothing stands against it."""
    return [reason for name, judged in evaluation.everything.items() for reason in _against(name, judged)]


def _against(name: str, judged: Judged) -> Iterator[str]:
    """Any prediction's alarm stops the whole release; a published score that cannot be judged yet is left to people."""
    whose = f"{name}: " if name else ""
    yield from (f"{whose}{alarm}" for alarm in judged.alarms)
    if judged.published is None and (not judged.events or judged.events == judged.rows):
        yield f"{whose}All rows have the same outcome."
    if judged.published is None and not (judged.tested_in_later_time or judged.no_later_time):
        why = next((one.unjudged for one in judged.validations if one.scheme == "temporal"), "It was not tried.")
        yield f"{whose}It was tested in no later time than it was fitted on: {why}"


def must_be_proposable(evaluation: Evaluation) -> None:
    """Refused, with the reasons, if the release must not be proposed."""
    if reasons := reasons_against(evaluation):
        raise Refused(
            "nothing is proposed: " + " ".join(reasons),
            place=evaluation.release[:19],
            remedy="Look at what the inputs mean and when they are known; take out what tells the outcome, and train again",
        )
