"""How concepts and references of a resource become the words of an event."""

from __future__ import annotations

from services.timeline.codes import join_tokens, token
from services.timeline.elements import Coding, Concept, Reference


def tokens_of(concept: Concept | None) -> str:
    """The tokens of a concept, joined; a concept that is only text is `|text`; "" if it says nothing."""
    if concept is None:
        return ""
    coding = concept.coding
    if coding and len(coding) == 1 and (only := coding[0]) is not None and only.code:  # nearly always
        return token(only.system or "", only.code)
    found = [token(one.system or "", one.code) for one in coding or () if one is not None and one.code]
    if concept.code:  # a bare Coding sent in place of a CodeableConcept
        found.append(token(concept.system or "", concept.code))
    if found:
        return join_tokens(found)
    return token("", concept.text.strip()) if concept.text and not concept.text.isspace() else ""


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


def target(reference: Reference | None, prefix: str) -> str:
    """The id that a reference to this type (`Patient/`) points to; "" if it points elsewhere or nowhere.

    Relative and absolute addresses, with or without a version, and `urn:uuid:`; not contained (`#x`) and not
    conditional (`Patient?identifier=`) ones.
    """
    if reference is None or not (address := reference.reference):
        return ""
    if address.startswith(prefix):
        found = address[len(prefix) :]
    elif address.startswith("urn:uuid:"):
        found = address[9:]
    else:
        found = address.rpartition("/" + prefix)[2] if "/" + prefix in address else ""
    return found.partition("/")[0] if "/" in found else found
