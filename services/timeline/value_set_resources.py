"""A FHIR ValueSet resource as the codes that it lists: of its expansion, else of its definition.

Only lists are read, for nobody here can expand a rule: a filter, another value set or a whole code system is refused by
name. The one exception is ICD-10, where "at or below a code" is what the codes themselves say. Source: FHIR R4 and R5,
ValueSet.compose and ValueSet.expansion.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from services.timeline.errors import BadInput

_ICD: Final = frozenset({"http://hl7.org/fhir/sid/icd-10-cm", "http://hl7.org/fhir/sid/icd-10"})
_AT_OR_BELOW: Final = re.compile(r"\^?([A-Z][0-9][0-9A-Z](?:\\?\.[0-9A-Z]{1,4})?)\.\*\$?")
_REMEDY: Final = "Give the set with its expansion: a terminology server makes it with ValueSet/$expand"
Tokens = list[str]


def listed_codes(resource: Mapping[str, Any], *, place: str) -> tuple[Tokens, Tokens]:
    """`system|code` tokens that are in the set, and those that are in it with all below them (ICD-10 only).

    BadInput, with the place, if the resource is not a ValueSet that lists its codes.
    """
    try:
        if "expansion" in resource:
            exact, below = _expanded(resource["expansion"], place), list[str]()
        else:
            exact, below = _composed(resource["compose"], place)
    except (KeyError, TypeError, AttributeError) as fault:
        raise BadInput(f"not a ValueSet that lists codes: {fault!r}", place=place, remedy=_REMEDY) from fault
    if not exact and not below:
        raise BadInput("the set holds no code", place=place, remedy=_REMEDY)
    return exact, below


def _expanded(expansion: Mapping[str, Any], place: str) -> Tokens:
    found = list(_contained(expansion.get("contains", ())))
    total = expansion.get("total")
    if expansion.get("offset") or (isinstance(total, int) and total > _count(expansion.get("contains", ()))):
        raise BadInput("only a page of the expansion is given", place=place, remedy="Ask for all of it, without count")
    return found


def _contained(entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The codes of an expansion and of what is nested in it; an abstract entry only groups."""
    for entry in entries:
        if entry.get("code") and not entry.get("abstract"):
            yield f"{entry['system']}|{entry['code']}"
        yield from _contained(entry.get("contains", ()))


def _count(entries: Sequence[Mapping[str, Any]]) -> int:
    return sum(1 + _count(entry.get("contains", ())) for entry in entries)


def _composed(compose: Mapping[str, Any], place: str) -> tuple[Tokens, Tokens]:
    exact, below = _parts(compose["include"], place)
    not_exact, not_below = _parts(compose.get("exclude", ()), place)
    if not_below or (not_exact and below):
        raise BadInput("what it excludes cannot be taken from a rule", place=place, remedy=_REMEDY)
    left = set(not_exact)
    return [one for one in exact if one not in left], below


def _parts(parts: Sequence[Mapping[str, Any]], place: str) -> tuple[Tokens, Tokens]:
    exact: Tokens = []
    below: Tokens = []
    for part in parts:
        if part.get("valueSet"):
            raise BadInput(f"it includes another value set, {part['valueSet']}", place=place, remedy=_REMEDY)
        system = part["system"]
        if part.get("filter"):
            below.extend(f"{system}|{code}" for code in _at_or_below(system, part["filter"], place))
        elif part.get("concept"):
            exact.extend(f"{system}|{concept['code']}" for concept in part["concept"])
        else:
            raise BadInput(f"it includes all of {system}", place=place, remedy=_REMEDY)
    return exact, below


def _at_or_below(system: str, filters: Sequence[Mapping[str, Any]], place: str) -> Iterator[str]:
    """The ICD-10 code of a rule "is-a" (or a regular expression that says no more); any other rule is refused."""
    for rule in filters:
        name, op, value = str(rule["property"]), str(rule["op"]), str(rule["value"])
        if system in _ICD and len(filters) == 1 and name in ("concept", "code"):
            if op == "is-a":
                yield value
                continue
            if op == "regex" and (found := _AT_OR_BELOW.fullmatch(value)):
                yield found[1].replace("\\", "")
                continue
        raise BadInput(f"the rule `{name} {op} {value}` of {system} is not a list", place=place, remedy=_REMEDY)
