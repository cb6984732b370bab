"""No input of a model may be made of what it predicts: by the codes of the outcome, or by the fields that settle it.

A code means the same wherever it stands, so codes are compared across fields. Stays of the class that counts as a
readmission are no overlap: one that counts begins after the index stay by definition, and earlier ones are history.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from services.guidance.definition import Codes, Feature, Outcome
from services.guidance.reading.plan import sources_of
from services.timeline.codes import CodeSet, ValueSets

_DISPOSITION: Final = "Encounter.dischargeDisposition"
_DECEASED: Final = "Patient.deceased"
# Two places of one fact: without codes, a feature of the one reads the other's too.
_SAME_FACT: Final = (
    frozenset({"Condition.code", "Encounter.diagnosis"}),
    frozenset({"Observation.code", "Observation.component"}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """A feature that reads its outcome, and in which way."""

    feature: str
    says: str


def find_overlaps(features: Mapping[str, Feature], outcome: Outcome, value_sets: ValueSets) -> list[Overlap]:
    """Every feature that reaches a model and reads the outcome, unless `outcome.may_overlap` names it.

    What settles the outcome for certain (the patient's death, the way out of the very stay) cannot be waived.
    """
    return [
        Overlap(feature=name, says=says)
        for name in features
        if name in reaching_a_model(features)
        for says in (
            *_settling(features[name], outcome, value_sets),
            *([] if name in outcome.may_overlap else _of_events(features[name], outcome, value_sets)),
        )
    ]


def reaching_a_model(features: Mapping[str, Feature]) -> frozenset[str]:
    """Inputs of the model and helpers, and all that these are computed from."""
    reached: set[str] = set()
    waiting = [name for name, feature in features.items() if feature.use in ("model", "helper")]
    while waiting:
        name = waiting.pop()
        if name in features and name not in reached:
            reached.add(name)
            waiting += features[name].computed_from
    return frozenset(reached)


def _settling(feature: Feature, outcome: Outcome, value_sets: ValueSets) -> Iterator[str]:
    """What is said of a feature that reads the fields by which the outcome is settled."""
    fields = sources_of(feature)
    of_the_stay = outcome.kind == "death-in-stay" or outcome.within_stay
    if _DECEASED in fields:
        yield f"`{_DECEASED}` tells whether the patient died: " + (
            "the outcome itself" if of_the_stay or outcome.death == "counts" else "it settles the outcome"
        )
    if _DISPOSITION not in fields:
        return
    if outcome.kind == "death-in-stay":
        yield f"`{_DISPOSITION}` tells whether the patient died: the outcome itself"
    elif of_the_stay:
        yield f"`{_DISPOSITION}` tells how the stay ended: it settles the outcome"
    elif _common(_read(feature, value_sets), _resolved(outcome.died, value_sets)) is not None:
        yield "its codes hold those of a death: the model would read the outcome"


def _of_events(feature: Feature, outcome: Outcome, value_sets: ValueSets) -> Iterator[str]:
    """What is said of a feature that reads the codes of the outcome's events."""
    fields, read = sources_of(feature), _read(feature, value_sets)
    for event in outcome.events:
        wanted = _resolved(event.codes, value_sets)
        if read is None and not any(_one_fact(own, other) for own in fields for other in event.source.split("|")):
            continue
        if (token := _common(read, wanted)) is not None:
            yield (
                f"it reads `{token}` of the outcome itself ({event.source}); "
                "if that is meant, name it in `may_overlap` of the outcome"
            )
            return


def _one_fact(some: str, other: str) -> bool:
    return some == other or any({some, other} <= pair for pair in _SAME_FACT)


def _read(feature: Feature, value_sets: ValueSets) -> CodeSet | None:
    """The codes that a feature takes notice of; None if any."""
    if feature.codes is not None:
        return _resolved(feature.codes, value_sets)
    # The levels of what is itself coded (a way out of hospital) are its codes.
    return CodeSet.of(feature.levels) if feature.levels else None


def _resolved(codes: Codes, value_sets: ValueSets) -> CodeSet:
    """The codes named, as far as they exist: what does not exist is another check's fault."""
    named = [name for name in (codes.value_set, *codes.value_sets) if name and name in value_sets]
    return value_sets.resolve(Codes(value_sets=tuple(named), tokens=codes.tokens))


def _common(some: CodeSet | None, others: CodeSet) -> str | None:
    """A token that could be in both; None is every code."""
    if some is None:
        return next(_all(others), None)
    if both := some.tokens & others.tokens:
        return min(both)
    pairs = ((some, others), (others, some))
    return next((token for one, two in pairs for token in _all(two) if _below(token, one.prefixes)), None)


def _all(codes: CodeSet) -> Iterator[str]:
    yield from sorted(codes.tokens)
    for system, prefixes in codes.prefixes.items():
        yield from (f"{system}|{code}" for code in prefixes)


def _below(token: str, prefixes: Mapping[str, tuple[str, ...]]) -> bool:
    system, _, code = token.partition("|")
    return code.startswith(prefixes.get(system, ()))
