"""`$artifact-diff`: what differs between two releases, as Parameters.

`operation` tells the PlanDefinitions' elements in the form of FHIRPath Patch; the other parameters tell what a committee asks
for and a PlanDefinition does not hold: changes in words, files, figures and codes. It is for reading: nothing here can be
patched, a release is its bytes. Source: FHIR R4 FHIRPath Patch, CRMI 2.0.0 `$artifact-diff`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from sqlalchemy import Connection

from services.guidance.errors import NotFound
from services.registry.console import compare
from services.registry.console.compare_page import side_of
from services.registry.decisions import proposals
from services.registry.decisions.proposals import Proposal
from services.registry.fhir import shelf
from services.registry.fhir.held import Held, Place, hold
from services.registry.fhir.names import Resource
from services.registry.fhir.parameters import one_flag, one_text
from services.registry.fhir.views.plan import plan_definition
from services.timeline.codes import CodeSet
from services.timeline.errors import BadInput

DIFF: Final[Mapping[str, tuple[str, ...]]] = {
    "source": ("valueCanonical", "valueUri"),
    "target": ("valueCanonical", "valueUri"),
    "compareComputable": ("valueBoolean",),
    "compareExecutable": ("valueBoolean",),
}
"""Parameters of `$artifact-diff`: the earlier release (else the one proposed before), the later one, and whether codes too."""
# They say which release it is, or move with every decision: no difference between two texts.
_ITSELF: Final = frozenset({"id", "meta", "identifier", "date", "version"})
_CANONICAL: Final = re.compile(r"(?:.*/)?PlanDefinition/([A-Za-z0-9-]{1,64})(?:\|(.{1,64}))?")


def artifact_diff(connection: Connection, given: Mapping[str, list[Any]], place: Place) -> Resource:
    """The differences from `source` to `target`."""
    if one_flag(given, "compareExecutable"):
        raise BadInput(
            "no expansions are kept here, so none can be compared",
            place="compareExecutable",
            remedy="Leave it out; `compareComputable` compares the codes",
        )
    asked = one_text(given, "target")
    if not asked:
        raise BadInput(
            "the target is needed", place="target", remedy="Name it as url|version, as its PlanDefinition does"
        )
    new = hold(connection, resolved(connection, asked, place), place)
    old = hold(connection, _source(connection, one_text(given, "source"), new, place), place)
    ours, theirs = side_of(connection, new.proposal), side_of(connection, old.proposal)
    parameter: list[Resource] = [
        {"name": "source", "valueCanonical": old.canonical("PlanDefinition")},
        {"name": "target", "valueCanonical": new.canonical("PlanDefinition")},
    ]
    parameter += _operations(plan_definition(old), plan_definition(new))
    for change in compare.changes(ours, theirs):
        parameter.append(_parts("change", what=change.what, previousValue=change.old, value=change.new))
    parameter += [{"name": "file", "valueString": one} for one in compare.files_changed(ours, theirs)]
    for name, now, was in compare.measured(ours, theirs):
        parameter.append(_parts("figure", what=name, previousValue=was, value=now))
    if one_flag(given, "compareComputable"):
        parameter += _codes(old, new)
    return {"resourceType": "Parameters", "parameter": parameter}


def resolved(connection: Connection, text: str, place: Place) -> Proposal:
    """The release that a canonical address with its version names, or `PlanDefinition/id`."""
    found = _CANONICAL.fullmatch(text)
    if found is not None and found[2] is None:
        return shelf.plan_behind(connection, found[1])
    if found is not None and text.startswith(f"{place.base}/"):
        for one in proposals.every(connection, guidance=found[1]):
            if hold(connection, one, place).version == found[2].replace(" ", "+"):
                return one
    raise NotFound(
        "no release here has this address and version", place="canonical", remedy="Take both from its PlanDefinition"
    )


def _source(connection: Connection, asked: str, new: Held, place: Place) -> Proposal:
    if asked:
        return resolved(connection, asked, place)
    if new.predecessor is None:
        raise NotFound("nothing was proposed before it", place="source", remedy="Name a release to compare with")
    return shelf.plan_behind(connection, new.predecessor[0])


def _operations(old: Resource, new: Resource) -> Iterator[Resource]:
    for name in dict.fromkeys([*old, *new]):
        if name not in _ITSELF:
            yield from _walked("PlanDefinition", name, old.get(name), new.get(name))


def _walked(parent: str, name: str, old: Any, new: Any) -> Iterator[Resource]:
    """The operations that make one element of an old parent into the new one, down to its leaves."""
    path = f"{parent}.{name}"
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for inner in dict.fromkeys([*old, *new]):
            yield from _walked(path, inner, old.get(inner), new.get(inner))
    elif isinstance(old, list) and isinstance(new, list):
        shared = min(len(old), len(new))
        for number in range(shared):
            yield from _walked(parent, f"{name}[{number}]", old[number], new[number])
        for number in range(shared, len(new)):
            yield _operation("insert", path, value=new[number], index=number)
        # From the last one, so that each index means what it meant.
        for number in reversed(range(shared, len(old))):
            yield _operation("delete", f"{path}[{number}]", previous=old[number])
    elif old is None:
        yield _operation("add", parent, name=name, value=new)
    elif new is None:
        yield _operation("delete", path, previous=old)
    else:
        yield _operation("replace", path, value=new, previous=old)


def _operation(
    kind: str, path: str, *, name: str = "", value: Any = None, previous: Any = None, index: int | None = None
) -> Resource:
    part: list[Resource] = [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}]
    if name:
        part.append({"name": "name", "valueString": name})
    if index is not None:
        part.append({"name": "index", "valueInteger": index})
    part += [*_valued("value", value), *_valued("previousValue", previous)]
    return {"name": "operation", "part": part}


def _valued(name: str, value: Any) -> Iterator[Resource]:
    """A value as a part; an element with children has them as parts of its own, as FHIRPath Patch does."""
    if isinstance(value, list):
        for one in value:
            yield from _valued(name, one)
    elif isinstance(value, dict):
        yield {"name": name, "part": [part for inner, one in value.items() for part in _valued(inner, one)]}
    elif isinstance(value, bool):
        yield {"name": name, "valueBoolean": value}
    elif isinstance(value, int):
        yield {"name": name, "valueInteger": value}
    elif isinstance(value, float):
        yield {"name": name, "valueDecimal": value}
    elif value is not None and str(value):
        yield {"name": name, "valueString": str(value)}


def _parts(kind: str, **texts: str) -> Resource:
    return {"name": kind, "part": [{"name": name, "valueString": text} for name, text in texts.items() if text.strip()]}


def _codes(old: Held, new: Held) -> Iterator[Resource]:
    """Value sets by name: the codes that came and those that went; a prefix stands with a star."""
    before, after = old.contents.value_sets.sets, new.contents.value_sets.sets
    for name in sorted({*before, *after}):
        was, now = _tokens(before.get(name)), _tokens(after.get(name))
        part: list[Resource] = [{"name": "valueSet", "valueString": name}]
        part += [{"name": "added", "valueString": one} for one in sorted(now - was)]
        part += [{"name": "removed", "valueString": one} for one in sorted(was - now)]
        if len(part) > 1:
            yield {"name": "codes", "part": part}


def _tokens(known: CodeSet | None) -> frozenset[str]:
    if known is None:
        return frozenset()
    return known.tokens | {f"{system}|{code}*" for system, codes in known.prefixes.items() for code in codes}
