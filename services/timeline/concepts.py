"""How concepts and references of a resource become the words of an event."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Final

from services.timeline.codes import LONGEST, join_tokens, token
from services.timeline.elements import CodeableReference, Coding, Concept, Reference
from services.timeline.remembered import Remembered

_WHY_NOTHING: Final = frozenset(
    {
        "http://terminology.hl7.org/CodeSystem/data-absent-reason",
        "http://terminology.hl7.org/CodeSystem/v3-NullFlavor",
    }
)
"""Codes of these systems say why there is no code."""

_MOST: Final = 1 << 10
_SYSTEMS: Final = 1 << 5
"""So many codes or addresses, of so many systems or types, are remembered at once."""


def tokens_of(concept: Concept | None) -> str:
    """The tokens of a concept, joined; a concept that is only text is `|text`; "" if it says nothing."""
    if concept is None:
        return ""
    coding = concept.coding
    only = coding[0] if coding and len(coding) == 1 else None
    if only is not None and (code := only.code) and (coded := _CODED[only.system or ""][code]):  # nearly always
        return coded
    found = [*_tokens(coding or ())]
    if concept.code and concept.system not in _WHY_NOTHING:  # a bare Coding sent in place of a CodeableConcept
        found.append(token(concept.system or "", concept.code))
    if found:
        return join_tokens(found)
    if concept.concept is not None:  # an R5 CodeableReference sent in its place
        return tokens_of(concept.concept)
    if coding and any(one is not None and one.code for one in coding):
        return ""  # its text, too, says why there is none
    return token("", concept.text.strip()) if concept.text and not concept.text.isspace() else ""


def tokens_of_all(concepts: Concept | list[Concept | None] | None) -> str:
    """The tokens of several concepts that state one fact together, joined; R5 lists what R4 has once."""
    if not isinstance(concepts, list):
        return tokens_of(concepts)
    return join_tokens(word for one in concepts for word in tokens_of(one).split("\n") if word)


def _tokens(codings: Iterable[Coding | None]) -> list[str]:
    return [coded for one in codings if one is not None and one.code and (coded := _CODED[one.system or ""][one.code])]


def tokens_of_codings(codings: list[Coding]) -> str:
    """The tokens of several codings, joined."""
    return join_tokens(token(one.system or "", one.code) for one in codings if one.code)


def plain_code(concept: Concept | None) -> str:
    """The code of a concept of which the system does not matter (a status); "" if none."""
    if concept is None:
        return ""
    for one in concept.coding or ():
        if one is not None and one.code:
            return one.code
    return concept.code or concept.text or ""


def pointer_of(listed: list[CodeableReference | None]) -> Reference | None:
    """The first resource that is named where R5 lists CodeableReferences and R4 has one Reference."""
    return next((one.reference for one in listed if one is not None and one.reference is not None), None)


def target(reference: Reference | None, prefix: str) -> str:
    """The id that a reference to this type (`Patient/`) points to; "" if it points elsewhere or nowhere.

    Relative and absolute addresses, with or without a version, and `urn:uuid:`; not contained (`#x`) and not
    conditional (`Patient?identifier=`) ones.
    """
    if reference is None or not (address := reference.reference):
        return ""
    return _TARGETS[prefix][address]


def _target(prefix: str, address: str) -> str:
    if address.startswith(prefix):
        found = address[len(prefix) :]
    elif address.startswith("urn:uuid:"):
        found = address[9:]
    else:
        found = address.rpartition("/" + prefix)[2] if "/" + prefix in address else ""
    return found.partition("/")[0] if "/" in found else found


def _targets(prefix: str) -> Remembered[str]:
    return Remembered(partial(_target, prefix), most=_MOST, longest=LONGEST)


def _stay(address: str) -> str:
    stay = _target("Encounter/", address)
    return f"Encounter/{stay}" if stay else ""


def _codes(system: str) -> Remembered[str]:
    return Remembered(partial(_coded, system), most=_MOST, longest=LONGEST)


def _coded(system: str, code: str) -> str:
    """The token of a code; "" where it says why there is none."""
    return token(system, code) if system not in _WHY_NOTHING else ""


# The resources of one patient, and of one stay, stand together; of systems there are few.
_TARGETS: Final = Remembered(_targets, most=_SYSTEMS, longest=LONGEST)
_CODED: Final = Remembered(_codes, most=_SYSTEMS, longest=LONGEST)
PATIENTS: Final = _TARGETS["Patient/"]
"""The id of the patient that an address means; "" if it means none."""
STAYS: Final = Remembered(_stay, most=_MOST, longest=LONGEST)
"""The `Encounter/id` that an address means; "" if it means none."""
