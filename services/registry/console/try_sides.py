"""One call, answered by one release or by two beside each other: what each says, and where they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from services.guidance.words.console_wording import LEAST_DIFFERENCE
from services.registry.console.card_view import CardView, lines_of, view_of

_NOT_SHOWN: Final = {
    "below-band": "the risk, or what else the policy asks, is below every band that has a card",
    "outside": "the guidance is not meant for this patient, or for this moment",
    "silent": "the release is in its silent stage: it is computed and nobody sees it",
    "suppressed": "a rule of the policy keeps it back",
    "suspended": "it is not approved here",
    "abstained": "too much is not known to say anything",
    "unknown": "required data is not known; in use, the EHR would get an error (412) and staff would see no card",
    "failed": "it could not be computed; in use, the EHR would get an error (503) and staff would see no card",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What one release answered. `tried` is as the CDS says it."""

    label: str
    tried: Mapping[str, Any]
    cards: Sequence[CardView]

    @property
    def why(self) -> str:
        """Why no card is shown, where none is."""
        return _NOT_SHOWN.get(self.tried["status"], str(self.tried["status"]))

    @property
    def said(self) -> str:
        """The answer as JSON."""
        return msgspec.json.format(msgspec.json.encode(self.tried["answer"]), indent=1).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class InputBeside:
    """One input in both releases; None where a release does not have it."""

    label: str
    values: tuple[str | None, str | None]
    contributions: tuple[float | None, float | None]

    @property
    def difference(self) -> float:
        """By how much the second release adds more, in log-odds; an input that a release does not have adds nothing."""
        first, second = self.contributions
        return (second or 0.0) - (first or 0.0)

    @property
    def differs(self) -> bool:
        """Whether it adds another amount, as far as it is shown."""
        return abs(self.difference) >= LEAST_DIFFERENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefetchBeside:
    """What one key of the prefetch gave each release; None where a release does not ask for it."""

    key: str
    gave: tuple[str | None, str | None]


def sides_of(answers: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Side]:
    """(label, what the CDS said) of one release or two, as they are drawn. Beside no card nothing is marked."""
    cards = [tried["answer"]["cards"] for _, tried in answers]
    lines = [frozenset[str]().union(*map(lines_of, one)) for one in cards]
    beside = [lines[1 - place] if len(answers) == 2 and cards[1 - place] else None for place in range(len(answers))]
    return [
        Side(label=label, tried=tried, cards=[view_of(card, beside[place]) for card in cards[place]])
        for place, (label, tried) in enumerate(answers)
    ]


def inputs_beside(first: Side, second: Side) -> list[InputBeside]:
    """Every input of either release, in the order of the first; what only the second has stands last."""
    one, other = (_named(side.tried["inputs"], "name") for side in (first, second))
    return [
        InputBeside(
            label=str(found["label"]),
            values=(_value(one.get(name)), _value(other.get(name))),
            contributions=(_contribution(one.get(name)), _contribution(other.get(name))),
        )
        for name, found in (one | {name: row for name, row in other.items() if name not in one}).items()
    ]


def prefetch_beside(first: Side, second: Side) -> list[PrefetchBeside]:
    """Every key that either release asks for."""
    one, other = (_named(side.tried["prefetch"], "key") for side in (first, second))
    return [PrefetchBeside(key=key, gave=(_gave(one.get(key)), _gave(other.get(key)))) for key in one | other]


def differing(rows: Sequence[InputBeside]) -> str:
    """The finding of the table of inputs."""
    count = sum(row.differs for row in rows)
    if not count:
        return "Every input adds the same in both"
    return f"{count:,} of {len(rows):,} inputs add{'s' if count == 1 else ''} another amount"


def _named(rows: Sequence[Mapping[str, Any]], key: str) -> dict[str, Mapping[str, Any]]:
    return dict(_pairs(rows, key))


def _pairs(rows: Sequence[Mapping[str, Any]], key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for row in rows:
        yield str(row[key]), row


def _value(row: Mapping[str, Any] | None) -> str | None:
    if row is None:
        return None
    return f"{row['value']:g}" if row["value"] is not None else str(row["state"] or "not known")


def _contribution(row: Mapping[str, Any] | None) -> float | None:
    return None if row is None else row["contribution"]


def _gave(row: Mapping[str, Any] | None) -> str | None:
    return None if row is None else f"{row['state']}, {row['resources']:,}"
