"""One and many, lists and pronouns: the English that every sentence needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pronoun:
    """How a card speaks of the patient."""

    subject: str
    object: str
    possessive: str


_PRONOUNS = {
    "male": Pronoun(subject="he", object="him", possessive="his"),
    "female": Pronoun(subject="she", object="her", possessive="her"),
}
_NEUTRAL = Pronoun(subject="they", object="them", possessive="their")


def pronoun(gender: str | None) -> Pronoun:
    """Pronouns of Patient.gender; `other`, `unknown` and nothing recorded are `they`."""
    return _PRONOUNS.get(gender or "", _NEUTRAL)


_IRREGULAR = {"are": "is", "were": "was", "have": "has", "do": "does", "go": "goes", "be": "is"}
_PAST = {"came", "died", "had", "left", "was", "went", "did", "got", "fell", "stayed"}


def singular(verb_phrase: str) -> str:
    """The verb phrase for exactly one person: `come back` is `comes back`, `do not` is `does not`."""
    first, space, rest = verb_phrase.partition(" ")
    if first in _IRREGULAR:
        one = _IRREGULAR[first]
    elif first in _PAST or (first.endswith("ed") and not first.endswith("eed")):
        one = first
    elif first.endswith(("s", "x", "z", "ch", "sh", "o")):
        one = f"{first}es"
    elif first.endswith("y") and first[-2:-1] not in tuple("aeiou"):
        one = f"{first[:-1]}ies"
    else:
        one = f"{first}s"
    return f"{one}{space}{rest}"


def infinitive(verb_phrase: str) -> str:
    """The verb phrase after `will`: `are readmitted` is `be readmitted`."""
    first, space, rest = verb_phrase.partition(" ")
    return f"{'be' if first in ('are', 'is') else first}{space}{rest}"


def verb(phrase: str, count: int) -> str:
    """The verb phrase for that many people."""
    return singular(phrase) if count == 1 else phrase


def listed(items: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`; nothing is the empty string."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else list(items))
