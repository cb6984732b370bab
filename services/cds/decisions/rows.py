"""A decision as a row and back. What belongs to the features stands in one column, by their order in the release.

`features` is `[values, states, sources, contributions]`, each by the feature set's names; states are one letter each.
`card` is the card; where the client was told of system actions beside it, the whole answer, so that what erases the one
erases the other. A card has no key `cards`.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

import msgspec

from services.cds.decisions.decision import LATENCY_PARTS, Decision
from services.cds.decisions.schema import decisions

COLUMNS: Final = tuple(column.name for column in decisions.columns)
"""In the order in which `row_of` gives them."""

Names = tuple[str, ...]
_LETTERS: Final = {"value": "v", "absent": "a", "unknown": "u"}
_STATES: Final = {letter: state for state, letter in _LETTERS.items()}
_NOT_SAID: Final = "-"
_encode: Final = msgspec.json.Encoder().encode


class _Features(msgspec.Struct, array_like=True, frozen=True):
    values: list[float | None]
    states: str
    sources: list[str | None]
    contributions: list[float | None]


_decode_features: Final = msgspec.json.Decoder(_Features).decode
_decode_latency: Final = msgspec.json.Decoder(list[int | None]).decode
_decode: Final = msgspec.json.decode


def names_of(decision: Decision) -> Names:
    """The names of its features in their order; empty if none was read."""
    features, contributions = decision.features, decision.contributions
    if contributions.keys() <= features.keys():
        return tuple(features)
    return (*features, *(name for name in contributions if name not in features))


def key_of(names: Names) -> str:
    """What a feature set is kept under: the same names in the same order have the same key; "" for none."""
    return sha256(_encode(names)).hexdigest()[:16] if names else ""


def row_of(decision: Decision, names: Names, feature_set: str) -> tuple[Any, ...]:
    """The row of `COLUMNS`."""
    one = decision
    latency = one.latency
    return (
        one.decision, one.at, one.index_at,
        one.guidance, one.release, one.policy_digest, one.stage, one.hook, one.hook_instance,
        one.patient, one.encounter, one.user, one.issuer, one.tenant,
        one.status, one.reason, one.suppressed_because, one.band, one.arm, one.arm_probability,
        one.risk, one.log_odds,
        _encode(one.risks).decode() if one.risks else None,
        feature_set,
        _packed(one, names) if names else None,
        _encode([latency.get(part) for part in LATENCY_PARTS]).decode() if latency else None,
        _card(one),
        one.beside,
    )  # fmt: skip


def decision_of(row: Mapping[str, Any], names: Names) -> Decision:
    """The decision that a row holds; `names` are those of its feature set."""
    fields = dict(row)
    del fields["feature_set"]
    fields["risks"] = _decode(fields["risks"]) if fields["risks"] else {}
    packed, card, latency = fields.pop("features"), fields.pop("card"), fields.pop("latency")
    if packed is not None:
        found = _decode_features(packed)
        fields["features"] = dict(zip(names, found.values, strict=True))
        fields["states"] = {n: _STATES[s] for n, s in zip(names, found.states, strict=True) if s != _NOT_SAID}
        fields["sources"] = {n: s for n, s in zip(names, found.sources, strict=True) if s is not None}
        fields["contributions"] = {n: c for n, c in zip(names, found.contributions, strict=True) if c is not None}
    if latency is not None:
        parts = zip(LATENCY_PARTS, _decode_latency(latency), strict=False)
        fields["latency"] = {part: spent for part, spent in parts if spent is not None}
    if card is not None:
        fields["card_uuid"] = fields["decision"]
        kept = _decode(card) if card else None
        if kept is not None and "cards" in kept:
            (fields["card"],), fields["system_actions"] = kept["cards"], kept["systemActions"]
        else:
            fields["card"] = kept
    return Decision(**fields)


def without_identifiers(packed: str, pseudonym_of: Mapping[str, str]) -> str:
    """A `features` column whose source references are replaced."""
    found = _decode_features(packed)
    sources = [None if one is None else pseudonym_of[one] for one in found.sources]
    return _encode(msgspec.structs.replace(found, sources=sources)).decode()


def sources_in(packed: str) -> list[str]:
    """The source references in a `features` column."""
    return [one for one in _decode_features(packed).sources if one is not None]


def _packed(decision: Decision, names: Names) -> str:
    states, sources, contributions = decision.states, decision.sources, decision.contributions
    values: list[float | None] = [decision.features.get(name) for name in names]
    letters = "".join([_LETTERS[states[name]] if name in states else _NOT_SAID for name in names])
    return _encode(
        (
            values,
            letters,
            [sources.get(name) for name in names] if sources else [None] * len(names),
            [contributions.get(name) for name in names] if contributions else [None] * len(names),
        )
    ).decode()


def _card(decision: Decision) -> str | None:
    if decision.card is not None and decision.system_actions:
        return _encode({"cards": [decision.card], "systemActions": decision.system_actions}).decode()
    if decision.card is not None:
        return _encode(decision.card).decode()
    return "" if decision.card_uuid else None
