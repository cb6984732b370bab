"""Codes: how a fact is coded, as `system|code` tokens, and the sets that a guidance asks for.

A fact's `codes` are its tokens, sorted, unique, joined by a newline. ICD-10 codes match at or below a prefix,
with the dot removed; ICD-10-CM and WHO ICD-10 share one tabular list, so a prefix of either holds for both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from services.timeline.errors import BadInput
from services.timeline.value_set_resources import listed_codes

ICD_10_CM: Final = "http://hl7.org/fhir/sid/icd-10-cm"
ICD_10: Final = "http://hl7.org/fhir/sid/icd-10"
_ICD: Final = frozenset({ICD_10_CM, ICD_10})
RXNORM: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"
INGREDIENT: Final = "urn:knowdo:ingredient"
"""The system under which a site's table (`ingredients`) names what is in a product, so that the two can be told apart."""

# Other names under which the same code systems travel (HL7 OIDs, and the addresses of STU3).
_SYSTEMS: Final = {
    "urn:oid:2.16.840.1.113883.6.1": "http://loinc.org",
    "urn:oid:2.16.840.1.113883.6.96": "http://snomed.info/sct",
    "urn:oid:2.16.840.1.113883.6.88": RXNORM,
    "urn:oid:2.16.840.1.113883.6.90": ICD_10_CM,
    "urn:oid:2.16.840.1.113883.6.3": ICD_10,
    "urn:oid:2.16.840.1.113883.6.4": "http://www.cms.gov/Medicare/Coding/ICD10",
    "http://hl7.org/fhir/sid/icd-10-pcs": "http://www.cms.gov/Medicare/Coding/ICD10",
    "urn:oid:2.16.840.1.113883.5.4": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
    "http://hl7.org/fhir/v3/ActCode": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
    "http://hl7.org/fhir/v3/ActPriority": "http://terminology.hl7.org/CodeSystem/v3-ActPriority",
    "http://hl7.org/fhir/discharge-disposition": "http://terminology.hl7.org/CodeSystem/discharge-disposition",
    "http://hl7.org/fhir/admit-source": "http://terminology.hl7.org/CodeSystem/admit-source",
}

_STANDARD: Final = frozenset({*_SYSTEMS.values(), "http://unitsofmeasure.org", "http://www.ama-assn.org/go/cpt"})
_PUBLISHED: Final = ("http://hl7.org/fhir/", "http://terminology.hl7.org/")
"""Where FHIR and HL7 publish their own code systems."""

LONGEST: Final = 200
"""Codes and texts are cut here: what is longer is a narrative, not a code."""
_REMEMBERED: Final = 20_000
"""Verdicts that one set keeps: a hospital's vocabulary, not its history."""
_LONGEST_REMEMBERED: Final = 2_000
"""Characters of all codes of a fact beyond which its verdict is not kept: nobody codes anything in so many ways."""


def token(system: str, code: str) -> str:
    """`system|code`, the system under its one name; the text of a concept without a code is `|text`."""
    if len(system) + len(code) > LONGEST:
        system, code = system[:LONGEST], code[:LONGEST]
    return _token(system, code)


@lru_cache(maxsize=1 << 15)  # a hospital's vocabulary: the same few thousand codes in millions of resources
def _token(system: str, code: str) -> str:
    # A line break would end the token.
    return f"{_SYSTEMS.get(system, system)}|{code}".replace("\n", " ")


def join_tokens(tokens: Iterable[str]) -> str:
    """The `codes` of one fact: its tokens sorted, unique, joined."""
    return "\n".join(sorted(set(tokens)))


def icd10_category(codes: str) -> str:
    """The three-character ICD-10 category of a fact, the first if there are several; "" if it has none."""
    for one in codes.split("\n"):
        system, _, code = one.partition("|")
        if system in _ICD and len(code) >= 3:
            return code[:3].upper()
    return ""


def is_standard(one: str) -> bool:
    """Whether a token is of a code system that guidances speak; a site's own codes and texts are not."""
    system = one.partition("|")[0]
    return system in _STANDARD or system.startswith(_PUBLISHED)


def ingredients_of(codes: str, asked: CodeSet | None = None) -> tuple[str, ...]:
    """What a medicine is counted as where ingredients are: one word for each, sorted; () only if it has no code.

    A medicine whose ingredients are not known counts as itself. Of a combination only those `asked` for count, if any.
    """
    words = codes.split("\n") if codes else []
    known = tuple(one for one in words if one.startswith(INGREDIENT + "|"))
    if known and asked is not None:
        wanted = tuple(one for one in known if asked.matches(RXNORM + one[len(INGREDIENT) :]))
        return wanted or known
    if known:
        return known
    return tuple([one for one in words if one.startswith(RXNORM + "|")][:1] or [codes] if codes else ())


@dataclass(frozen=True, slots=True)
class CodeSet:
    """What an event must be coded as: one of the exact tokens, or at or below a prefix."""

    tokens: frozenset[str] = frozenset()
    """Exact `system|code` tokens (ICD-10 codes without the dot)."""
    prefixes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """System → codes that match with all below them (ICD-10 without the dot; under `ICD_10_CM` for both ICD-10s)."""
    _verdicts: dict[str, bool] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, tokens: Iterable[str] = (), *, prefixes: Iterable[str] = ()) -> CodeSet:
        """A set from exact tokens and from prefix tokens, both `system|code`."""
        below: dict[str, set[str]] = {}
        for one in prefixes:
            system, code = comparable(one)
            below.setdefault(system, set()).add(code)
        return cls(
            frozenset("|".join(comparable(one)) for one in tokens),
            {system: tuple(sorted(codes)) for system, codes in sorted(below.items())},
        )

    def __bool__(self) -> bool:
        return bool(self.tokens or self.prefixes)

    def __or__(self, other: CodeSet) -> CodeSet:
        """What either set holds."""
        systems = sorted({*self.prefixes, *other.prefixes})
        merged = {name: {*self.prefixes.get(name, ()), *other.prefixes.get(name, ())} for name in systems}
        return CodeSet(self.tokens | other.tokens, {name: tuple(sorted(codes)) for name, codes in merged.items()})

    def matches(self, codes: str) -> bool:
        """Whether any token of a fact's `codes` is in the set."""
        verdict = self._verdicts.get(codes)
        if verdict is None:
            verdict = self._holds(codes)
            if len(codes) > _LONGEST_REMEMBERED:
                return verdict
            if len(self._verdicts) >= _REMEMBERED:
                self._verdicts.clear()
            self._verdicts[codes] = verdict
        return verdict

    def matching(self, words: Sequence[str]) -> NDArray[np.bool_]:
        """`matches` for every word of a dictionary. A small one (the bedside) is answered from memory."""
        # A dictionary larger than the memory would only wash it out.
        decide = self.matches if len(words) <= _REMEMBERED // 4 else self._holds
        return np.fromiter(map(decide, words), dtype=np.bool_, count=len(words))

    def _holds(self, codes: str) -> bool:
        if not codes:
            return False
        for one in codes.split("\n"):
            system, code = comparable(one)
            if f"{system}|{code}" in self.tokens:
                return True
            below = self.prefixes.get(system)
            if below is not None and code.startswith(below):
                return True
        return False


def comparable(one: str) -> tuple[str, str]:
    """System and code as they are compared: one name per system, ICD-10 in capitals without the dot."""
    system, _, code = one.partition("|")
    system = _SYSTEMS.get(system, system)
    if system in _ICD:
        return ICD_10_CM, code.replace(".", "").upper()
    return system, code


class Wanted(Protocol):
    """How a guidance names codes (`guidance.definition.Codes`): value sets by id, and tokens."""

    @property
    def value_set(self) -> str | None:
        """One value set."""

    @property
    def value_sets(self) -> tuple[str, ...]:
        """Several value sets."""

    @property
    def tokens(self) -> tuple[str, ...]:
        """`system|code` tokens, exact."""


class ValueSets:
    """The value sets of `value_sets.json`: {"version", "terms", "value_sets": {id: {title, include: [...]}}}.

    In place of {title, include} may stand a FHIR ValueSet resource that lists its codes (`value_set_resources`).
    """

    def __init__(self, sets: Mapping[str, CodeSet], *, titles: Mapping[str, str], version: str) -> None:
        self.sets = sets
        self.titles = titles
        self.version = version
        self._resolved: dict[tuple[str | None, tuple[str, ...], tuple[str, ...]], CodeSet] = {}

    @classmethod
    def from_mapping(cls, content: Mapping[str, Any], *, place: str = "value_sets.json") -> ValueSets:
        """Read the decoded file; anything but its documented shape is BadInput that names the place."""
        sets: dict[str, CodeSet] = {}
        titles: dict[str, str] = {}
        listed = content.get("value_sets")
        if not isinstance(listed, Mapping):
            raise BadInput("there is no `value_sets` object", place=place)
        for name, described in listed.items():
            try:
                if described.get("resourceType") == "ValueSet":
                    exact, below = listed_codes(described, place=f"{place}, value set `{name}`")
                    sets[name] = CodeSet.of(exact, prefixes=below)
                else:
                    sets[name] = _code_set(described["include"])
                titles[name] = str(described.get("title", name))
            except (KeyError, TypeError, AttributeError) as fault:
                raise BadInput(
                    f"value set `{name}` is not of the form {{title, include: [{{system, concepts: [{{code}}]}}]}}",
                    place=place,
                ) from fault
        return cls(sets, titles=titles, version=str(content.get("version", "")))

    def __contains__(self, name: object) -> bool:
        return name in self.sets

    def resolve(self, wanted: Wanted) -> CodeSet:
        """The codes that a guidance names, as one set. The same request gives the same object."""
        key = (wanted.value_set, tuple(wanted.value_sets), tuple(wanted.tokens))
        if (known := self._resolved.get(key)) is not None:
            return known
        named = [*([wanted.value_set] if wanted.value_set else []), *wanted.value_sets]
        whole = CodeSet.of(wanted.tokens)
        for name in named:
            if name not in self.sets:
                raise BadInput(
                    f"there is no value set `{name}`", remedy="Add it to value_sets.json or correct the name"
                )
            whole = whole | self.sets[name] if whole else self.sets[name]
        self._resolved[key] = whole
        return whole


def _code_set(include: Iterable[Mapping[str, Any]]) -> CodeSet:
    exact: list[str] = []
    below: list[str] = []
    for part in include:
        system = part["system"]
        for concept in part["concepts"]:
            (below if concept.get("match") == "prefix" else exact).append(f"{system}|{concept['code']}")
    return CodeSet.of(exact, prefixes=below)
