"""How concepts and references of a resource become the words of an event."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from services.timeline.codes import LONGEST, join_tokens, token
from services.timeline.elements import CodeableReference, Coding, Concept, Reference

_WHY_NOTHING: Final = frozenset(
    {
        "http://terminology.hl7.org/CodeSystem/data-absent-reason",
        "http://terminology.hl7.org/CodeSystem/v3-NullFlavor",
    }
)
"""Codes of these systems say why there is no code."""


def tokens_of(concept: Concept | None) -> str:
    """The tokens of a concept, joined; a concept that is only text is `|text`; "" if it says nothing."""
    if concept is None:
        return ""
    coding = concept.coding
    if coding and len(coding) == 1 and (only := coding[0]) is not None and (code := only.code):  # nearly always
        system = only.system or ""
        if len(system) + len(code) <= LONGEST and (coded := _coded(system, code)):
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
    return [
        token(one.system or "", one.code)
        for one in codings
        if one is not None and one.code and one.system not in _WHY_NOTHING
    ]


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
    if len(address) > LONGEST:
        return _target(address, prefix)
    return _patient(address) if prefix == "Patient/" else _remembered(address, prefix)


def _target(address: str, prefix: str) -> str:
    if address.startswith(prefix):
        found = address[len(prefix) :]
    elif address.startswith("urn:uuid:"):
        found = address[9:]
    else:
        found = address.rpartition("/" + prefix)[2] if "/" + prefix in address else ""
    return found.partition("/")[0] if "/" in found else found


# The resources of one patient, and of one stay, stand together.
_remembered = lru_cache(maxsize=1 << 10)(_target)


@lru_cache(maxsize=1 << 10)
def _patient(address: str) -> str:
    return _target(address, "Patient/")


@lru_cache(maxsize=1 << 12)
def _coded(system: str, code: str) -> str:
    """The token of a code; "" where it says why there is none."""
    return token(system, code) if system not in _WHY_NOTHING else ""
