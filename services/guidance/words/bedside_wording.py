"""The sentences about what the CDS service did while it was silent: whose calls, how they ended, how fast, from what data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from services.guidance.bedside_evidence import Bedside, BesideAnother, FeatureAtBedside, Milliseconds
from services.guidance.estimate import Estimate
from services.guidance.words.rounding import number

_MOST: Final = 5  # features named in one sentence


def came_from(found: Bedside) -> str:
    """Whose decisions these are: of calls as they came, or of replayed ones."""
    made = f"{found.decisions:,} decisions that the CDS service made and kept"
    if not found.replayed:
        return f"{made} as the calls came"
    if not found.live:
        return f"{made} on replayed calls"
    return f"{made}: {found.live:,} as the calls came, {found.replayed:,} on replayed calls"


def at_the_bedside(found: Bedside) -> Iterator[str]:
    """Everything, a sentence each."""
    yield f"Source: {came_from(found)}."
    if found.beside is not None:
        yield from _beside(found.beside)
    yield _burden(found)
    yield (
        f"Of 100 calls {_of_100(found.failed)} failed (503), {_of_100(found.refused)} lacked required data (412), and in "
        f"{_of_100(found.abstained)} too much was unknown to say anything."
    )
    yield from _missing(found)
    yield _agreement(found)
    if (whole := found.milliseconds.get("all")) is not None:
        yield f"A call took {_took(whole)}."
    if found.not_in_record:
        late = f", {found.pseudonyms:,} of them under a pseudonym" if found.pseudonyms else ""
        yield f"Of {found.not_in_record:,} decisions the learner's record does not have the patient{late}; of these no outcome is known."


def _beside(found: BesideAnother) -> Iterator[str]:
    said = f"In {found.decisions:,} of these calls another release spoke and answered"
    if not found.compared:
        yield f"{said}; its decisions are not in this export."
        return
    yield (
        f"{said}. Of {found.compared:,} whose answer is known here, a card was due by both in {found.both:,}, by this release alone in "
        f"{found.only_this:,} and by the other alone in {found.only_other:,}."
    )
    if found.shown:
        yield f"Staff saw the other's card in {found.shown:,} calls: what they did about it is in the outcomes."


def _burden(found: Bedside) -> str:
    said = f"A card was due in {_of_100(found.with_card)} of 100 calls"
    if found.cards_per_clinician_day is None:
        return f"{said}; the calls do not name clinicians."
    return (
        f"{said}: {number(found.cards_per_clinician_day, 2)} for a clinician in a day with calls ({found.clinicians:,} "
        f"clinicians, {found.clinician_days:,} days), at most {found.most_cards_in_a_day:,}."
    )


def _missing(found: Bedside) -> Iterator[str]:
    worst = sorted((one for one in found.features if one.unknown), key=lambda one: -one.unknown / one.read)[:_MOST]
    if worst:
        told = ", ".join(f"{one.feature} {_share(one.unknown, one.read)}" for one in worst)
        yield f"Most often unknown, of 100 calls: {told}."


def _agreement(found: Bedside) -> str:
    if found.differing is None:
        return "No decision could be compared with the record."
    said = f"In {_of_100(found.differing)} of 100 decisions a feature is not what the record says now"
    worst = sorted(
        (one for one in found.features if one.different), key=lambda one: (-one.different / one.compared, one.feature)
    )
    if not worst:
        return f"{said}."
    return f"{said}: {', '.join(_apart(one) for one in worst[:_MOST])}{' and others' if len(worst) > _MOST else ''}."


def _apart(one: FeatureAtBedside) -> str:
    return f"{one.feature} {_share(one.different, one.compared)}"


def _share(count: int, of: int) -> str:
    return number(100 * count / of, 1)


def _of_100(found: Estimate) -> str:
    low, high = (number(100 * bound, 1) for bound in found.ci)
    return f"{number(100 * found.value, 1)} ({low} to {high})"


def _took(found: Milliseconds) -> str:
    return (
        f"{number(found.p50, 1)} ms at the median, {number(found.p95, 1)} ms for the slowest 5 of 100 and "
        f"{number(found.p99, 1)} ms for the slowest 1 of 100, inside the service"
    )
