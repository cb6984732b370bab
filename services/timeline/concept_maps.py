"""ConceptMap resources of a site, as the tokens that a code means besides itself.

A target counts if whoever has the source has the target: it is equal, equivalent, or wider (the source is a kind of
it). Narrower, inexact and merely related targets would say more than was recorded: they are left out and counted. So
are targets that hold only together with something else. Source: FHIR R4 ConceptMap.group.element.target.equivalence,
and R5's `relationship`, which has other names for the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from services.timeline.codes import comparable, token
from services.timeline.errors import BadInput

_MEANT: Final = frozenset({"equal", "equivalent", "wider", "subsumes", "source-is-narrower-than-target"})
_NOT_MEANT: Final = frozenset({"unmatched", "disjoint", "not-related-to"})
_MORE_THAN_RECORDED: Final = frozenset(
    {"narrower", "specializes", "source-is-broader-than-target", "inexact", "relatedto", "related-to"}
)
_FORM: Final = "group: [{source, target, element: [{code, target: [{code, equivalence}]}]}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Translations:
    """What the maps of a site say."""

    targets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Source, comparable `system|code`, → the tokens that it means, sorted."""
    spelled: Mapping[str, str] = field(default_factory=dict)
    """Source, comparable → as the map spells it: so a search must name it."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """How many targets were not taken, by the reason."""


def read_concept_maps(resources: Mapping[str, Any]) -> Translations:
    """The maps in decoded JSON documents, by their place: each one ConceptMap, or a Bundle of them.

    BadInput, with its place, for anything that is not a ConceptMap in use.
    """
    targets: dict[str, set[str]] = {}
    spelled: dict[str, str] = {}
    left_out: Counter[str] = Counter()
    for place, document in resources.items():
        for inside, resource in _maps_in(document, place):
            try:
                _read(resource, inside, targets, spelled, left_out)
            except (KeyError, TypeError, AttributeError) as fault:
                raise BadInput(f"not a ConceptMap of the form {_FORM}: {fault!r}", place=inside) from fault
    return Translations(
        targets={source: tuple(sorted(found)) for source, found in sorted(targets.items())},
        spelled={source: spelled[source] for source in sorted(targets)},
        left_out=dict(sorted(left_out.items())),
    )


def _maps_in(document: Any, place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    kind = document.get("resourceType") if isinstance(document, Mapping) else None
    if kind == "Bundle":
        for number, entry in enumerate(document.get("entry") or (), start=1):
            yield from _maps_in(
                entry.get("resource") if isinstance(entry, Mapping) else None, f"{place}, entry {number}"
            )
    elif kind == "ConceptMap":
        if document.get("status") == "retired":
            raise BadInput("this ConceptMap is retired", place=place, remedy="Take it out of the folder")
        yield place, document
    else:
        raise BadInput("not a ConceptMap, nor a Bundle of them", place=place, remedy="Take it out of the folder")


def _read(
    resource: Mapping[str, Any],
    place: str,
    targets: dict[str, set[str]],
    spelled: dict[str, str],
    left_out: Counter[str],
) -> None:
    for number, group in enumerate(resource["group"], start=1):
        here = f"{place}, group {number}"
        source = _named(group, "source", here)
        for element in group["element"]:
            if element.get("noMap"):
                continue
            if not element.get("code"):
                raise BadInput("an element has no code of its own (a value set is not read)", place=here)
            at = f"{here}, code {element['code']}"
            for target in element.get("target") or ():
                if (reason := _left_out(target, at)) is None:
                    if not target.get("code"):
                        raise BadInput("a target without a code", place=at)
                    own = "|".join(comparable(token(source, element["code"])))
                    spelled[own] = f"{source}|{element['code']}"
                    targets.setdefault(own, set()).add(token(_named(group, "target", here), target["code"]))
                elif reason:
                    left_out[reason] += 1


def _left_out(target: Mapping[str, Any], place: str) -> str | None:
    """Why a target adds nothing: "" if the map itself says so, None if it does add."""
    said = target.get("equivalence", target.get("relationship"))
    if said in _NOT_MEANT:
        return ""
    if said in _MORE_THAN_RECORDED:
        return f"{said}: says more than was recorded"
    if said not in _MEANT:
        raise BadInput("a target whose equivalence is missing or not of FHIR R4 or R5", place=place)
    return "holds only together with something else" if target.get("dependsOn") or target.get("product") else None


def _named(group: Mapping[str, Any], which: str, place: str) -> str:
    """A group's code system, without its version (R5 writes `system|version`)."""
    system = str(group.get(which) or "").partition("|")[0]
    if not system:
        raise BadInput(f"the group does not name its {which} code system", place=place)
    return system
