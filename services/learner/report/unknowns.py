"""What is not known: said in full sentences, from what the evidence lacks as well as from what it counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from services.guidance.definition import Guidance
from services.guidance.evidence import Evaluation, Judged
from services.guidance.words.grammar import listed
from services.guidance.words.rounding import percent

if TYPE_CHECKING:  # the service shows pages without loading what reckons them
    from services.learner.evidence.looks import Looks

_STATES = {
    "pending": "their horizon had not passed when the data ended",
    "competing-death": "they died first, of which the outcome says nothing",
    "death-undated": "they died at a time that is not recorded",
    "event-undated": "it happened at a time that is not recorded",
    "no-baseline": "there was nothing to compare with",
    "not-measured": "it was not measured again",
    "transferred": "their stay went on elsewhere",
    "no-stay": "their stay is not in the record",
    "unknown-patient": "their patient is not in the record",
    "already-there": "they had it before the prediction",
    "competing-event": "something else came first that ended the wait",
    "lost-to-follow-up": "nothing more was heard of them",
}


OXIMETRY: Final = frozenset({"http://loinc.org|59408-5", "http://loinc.org|2708-6"})
"""Oxygen saturation as US Core's profile for pulse oximetry codes it."""


def unknowns_of(guidance: Guidance, evaluation: Evaluation, judged: Judged, looks: Looks | None) -> tuple[str, ...]:
    """One sentence each, those of the design first."""
    return (*_unknowns(evaluation, judged, looks), *_of_devices(guidance))


def _of_devices(guidance: Guidance) -> Iterator[str]:
    """What no count of what is there or missing shows: a reading that is there, and wrong in some people."""
    for feature in guidance.features.values():
        if feature.codes is not None and OXIMETRY.intersection(feature.codes.tokens):
            yield (
                f"Whether {feature.label} is read too high in some groups: pulse oximeters miss low oxygen more often in dark "
                "skin (Sjoding, N Engl J Med 2020;383:2477), and nothing here compares them with arterial blood."
            )
            return


def _unknowns(evaluation: Evaluation, judged: Judged, looks: Looks | None) -> Iterator[str]:
    yield "Patients were treated as usual; the risk is that under such care, not the risk if nothing is done."
    yield "Nothing here shows that acting on it helps anybody: that takes a trial."
    tests = [one for one in judged.validations if one.observed_expected is not None]
    if judged.published is None and not any(one.scheme == "temporal" for one in tests):
        why = judged.no_later_time or f"it was tested on other patients of the same years ({evaluation.split})"
        yield f"Whether it holds in later time: {why.removesuffix('.')}."
    if judged.published is None and not any(one.scheme == "site" for one in tests):
        yield "Whether it holds at a site that it has not seen."
    yield from dict.fromkeys(one.unjudged for one in judged.validations if one.unjudged)
    for state, n in judged.states.items():
        if n and state not in ("positive", "negative", "planned-readmission"):
            why = _STATES.get(state, state.replace("-", " "))
            yield f"What became of {n:,} further moments of prediction: {why}. They are in no figure."
    if looks is None:
        return
    if looks.tested:
        yield "How many of those who were not tested had it: it is found only in those who are looked at (section 6)."
    often = [one for one in looks.missing_inputs if one.all_rows.value >= 0.2]
    if often:
        named = listed([f"{one.label} ({percent(one.all_rows.value)})" for one in often[:4]])
        yield f"What the values would have been where inputs are often missing: {named}."
    for one in looks.groups.not_looked_at:
        yield f"How it does by {one.attribute}: {one.why}."
    yield from dict.fromkeys(
        f"How it compares with what it was not held against: {one.why}" for one in looks.not_compared
    )
