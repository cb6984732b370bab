"""What a draft order calls itself: the words on it, as the prescriber sees them; of a medicine that it points to, those there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from services.cds.patient.draft_orders import Draft, DraftOrders
from services.cds.patient.prefetch_shapes import UNREADABLE


class _Coding(msgspec.Struct, gc=False):
    display: str | None = None


class _Concept(msgspec.Struct, gc=False):
    text: str | None = None
    coding: list[_Coding | None] | None = None


class _Reference(msgspec.Struct, gc=False):
    reference: str | None = None
    display: str | None = None


class _Either(msgspec.Struct, gc=False):
    concept: _Concept | None = None
    reference: _Reference | None = None


class _Contained(msgspec.Struct, gc=False):
    id: str | None = None
    code: _Concept | None = None


class _Words(msgspec.Struct, rename="camel", gc=False):
    id: str | None = None
    code: _Concept | None = None
    medication_codeable_concept: _Concept | None = None
    medication_reference: _Reference | None = None
    medication: _Either | None = None
    contained: list[_Contained | None] | None = None


_WORDS: Final = msgspec.json.Decoder(_Words)


def names_of(drafts: Iterable[Draft], orders: DraftOrders) -> tuple[str, ...]:
    """The name of each draft, as far as it has one; each once."""
    medicines = {f"Medication/{one.id}": raw for one, raw in orders.medications if one.id}
    found = [_name(draft.raw, medicines) for draft in drafts]
    return tuple(dict.fromkeys(name for name in found if name))


def _name(raw: msgspec.Raw, medicines: dict[str, msgspec.Raw]) -> str:
    words = _read(raw)
    if words is None:
        return ""
    either = words.medication or _Either()
    for concept in (words.medication_codeable_concept, either.concept, words.code):
        if said := _said(concept):
            return said
    pointer = words.medication_reference or either.reference
    if pointer is None:
        return ""
    pointed = pointer.reference or ""
    for inner in words.contained or ():
        if inner is not None and pointed == f"#{inner.id}" and (said := _said(inner.code)):
            return said
    elsewhere = _read(medicines[pointed]) if pointed in medicines else None
    return pointer.display or (_said(elsewhere.code) if elsewhere is not None else "")


def _said(concept: _Concept | None) -> str:
    """The text of a concept, else the first display of its codes."""
    if concept is None:
        return ""
    return concept.text or next((one.display for one in concept.coding or () if one is not None and one.display), "")


def _read(raw: msgspec.Raw) -> _Words | None:
    try:
        return _WORDS.decode(raw)
    except UNREADABLE:
        return None
