"""What a site's own codes mean: tokens added to events, never taken away, by one function for history and bedside.

A code's translations (`concept_maps`) come first and each map once; then the ingredients (`ingredients`) of every
RxNorm code that is there. Codes and coded answers are mapped alike. The work is done on words, of which a hospital has
few, not on rows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar
from urllib.parse import quote

import numpy as np

from services.timeline.codes import INGREDIENT, RXNORM, comparable, join_tokens
from services.timeline.concept_maps import Translations
from services.timeline.events import COLUMNS, Coded, EventBatch, EventColumns

_REMEMBERED: Final = 20_000
_CODED: Final = ("codes", "answer")
_STEP: Final = len(COLUMNS)

Events = TypeVar("Events", EventBatch, EventColumns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminology:
    """The maps and the ingredient table of one site; an empty one says nothing."""

    translations: Translations = field(default_factory=Translations)
    ingredients: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    _said: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    def __bool__(self) -> bool:
        return bool(self.translations.targets or self.ingredients)

    @property
    def digest(self) -> str:
        """SHA-256 of what it says, "" if nothing: equal at bedside and ingest, or features differ between them."""
        if not self:
            return ""
        said = json.dumps([dict(self.translations.targets), dict(self.ingredients)], sort_keys=True)
        return "sha256:" + hashlib.sha256(said.encode()).hexdigest()

    def named(self, codes: str) -> str:
        """The tokens of a fact with those that they mean."""
        said = self._said.get(codes)
        if said is None:
            said = self._named(codes)
            if len(self._said) >= _REMEMBERED:
                self._said.clear()
            self._said[codes] = said
        return said

    def asked_as(self, codes: Iterable[str]) -> set[str]:
        """These tokens and every token of the site that means one of them, as the address of a search names them."""
        asked = set(codes)
        wanted = {"|".join(comparable(one)) for one in asked}
        spelled = self.translations.spelled
        return asked | {
            _in_a_search(spelled[source])
            for source, meant in self.translations.targets.items()
            if not wanted.isdisjoint("|".join(comparable(one)) for one in meant)
        }

    def _named(self, codes: str) -> str:
        if "|" not in codes:  # nothing, or the reference to another resource
            return codes
        tokens = codes.split("\n")
        targets = self.translations.targets
        every = [*tokens, *(meant for one in tokens for meant in targets.get("|".join(comparable(one)), ()))]
        inside = [
            part
            for one in every
            if one.startswith(RXNORM + "|")
            for part in self.ingredients.get(one[len(RXNORM) + 1 :], ())
        ]
        added = [f"{system}|{part}" for part in inside for system in (RXNORM, INGREDIENT)]
        return join_tokens([*every, *added]) if len(every) + len(added) > len(tokens) else codes


NOTHING: Final = Terminology()
"""A site whose feeds speak the standard terminologies."""


def _in_a_search(one: str) -> str:
    """A token with the signs escaped that mean something in a FHIR search, and those that do in an address."""
    system, _, code = one.partition("|")
    for sign in "\\,$|":
        code = code.replace(sign, "\\" + sign)
    return f"{quote(system, safe=':/.-')}|{quote(code, safe=':/.-')}"


def mapped(events: Events, terminology: Terminology) -> Events:
    """The same events, each with the tokens that its own ones mean. Shared by ingest and bedside, so that they agree."""
    if not terminology:
        return events
    if isinstance(events, EventColumns):
        return replace(events, codes=_words(events.codes, terminology), answer=_words(events.answer, terminology))
    found = EventBatch()
    found.skipped, found.losses = events.skipped, events.losses
    found.cells = list(events.cells)
    for name in _CODED:
        place = COLUMNS.index(name)
        found.cells[place::_STEP] = list(map(terminology.named, events.cells[place::_STEP]))
    return found


def _words(column: Coded, terminology: Terminology) -> Coded:
    """The column with its words mapped; two that have become one are one."""
    words = tuple(map(terminology.named, column.words))
    if words == column.words:
        return column
    position = {word: place for place, word in enumerate(dict.fromkeys(words))}
    moved = np.fromiter(map(position.__getitem__, words), dtype=np.int32, count=len(words))
    return Coded(index=moved[column.index] if len(words) else column.index, words=tuple(position))
