"""The operations that are here, as OperationDefinitions: made from the tables that their parameters are read by.

Each says which definition of CRMI it is based on; where ours takes more, or means it otherwise, the documentation says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from services.guidance.errors import NotFound
from services.registry.fhir import approving, authoring, copying, differences, reviewing
from services.registry.fhir.names import Resource, name_of, without_nothing

_CRMI: Final = "http://hl7.org/fhir/uv/crmi/OperationDefinition"
_NONE: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({})
IMPORT: Final[Mapping[str, tuple[str, ...]]] = {
    "package": ("valueBase64Binary",),
    "bundle": ("resource",),
    "author": ("valueString",),
    "note": ("valueString", "valueMarkdown"),
    "trustedKeys": ("valueString",),
}
"""Parameters of `$import`: a package as bytes or a Bundle, who made it, a note, the JWK set that must have signed it."""
_MANY: Final = frozenset(
    {"artifactAssessmentRelatedArtifact", "artifactAssessmentAuthor", "accepts", "plan", "condition"}
)
_MUST: Final[Mapping[str, frozenset[str]]] = {
    "draft": frozenset({"version"}),
    "clone": frozenset({"version", "guidance"}),
    "revise": frozenset({"resource"}),
    "review": frozenset({"artifactAssessmentSummary"}),
    "artifact-diff": frozenset({"target"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation: what it takes, what it answers, and which of CRMI's it is (empty: none of CRMI 2.0.0)."""

    code: str
    said: str
    takes: Mapping[str, tuple[str, ...]]
    gives: str
    crmi: str = ""
    changes: bool = True
    whole: bool = False
    """It is asked of the whole server, not of one PlanDefinition."""


OPERATIONS: Final[tuple[Operation, ...]] = (
    Operation(
        code="approve", crmi="approve", takes=approving.APPROVE, gives="Bundle",
        said="One vote of one person in one role; counted by the same rules as any vote",
    ),
    Operation(
        code="release", crmi="release", takes=approving.RELEASE, gives="Bundle",
        said="Refused until the quorum agrees; answers the manifest with every part pinned",
    ),
    Operation(
        code="package", crmi="package", takes=_NONE, gives="Bundle", changes=False,
        said="Everything of a release in one Bundle, with bytes, digests and a signature",
    ),
    Operation(
        code="review", crmi="review", takes=reviewing.REVIEW, gives="Bundle",
        said="Words about a release, kept in the memory; they count for no quorum",
    ),
    Operation(
        code="data-requirements", crmi="data-requirements", takes=_NONE, gives="Library", changes=False,
        said="What each feature needs: type, element, codes, unit and period",
    ),
    Operation(
        code="draft", crmi="draft", takes=copying.DRAFT, gives="Bundle",
        said="A copy under a version that the guidance never had, as a new proposal without evidence or votes",
    ),
    Operation(
        code="clone", crmi="clone", takes=copying.CLONE, gives="Bundle",
        said="A copy under another id, as a new proposal without evidence or votes",
    ),
    Operation(
        code="revise", takes=authoring.REVISE, gives="Bundle",
        said="A changed draft as a new proposal beside the one that it revises",
    ),
    Operation(
        code="withdraw", takes=authoring.RETIRE, gives="Bundle", said="One vote to retire a draft; nothing is deleted"
    ),
    Operation(
        code="retire", takes=authoring.RETIRE, gives="Bundle", said="One vote to retire what was released"
    ),
    Operation(
        code="artifact-diff", crmi="artifact-diff", takes=differences.DIFF, gives="Parameters", changes=False, whole=True,
        said="What differs between two releases: elements, words, files, figures and, if asked, codes",
    ),
    Operation(
        code="import", takes=IMPORT, gives="PlanDefinition", whole=True,
        said="A FHIR package, or another registry's release with its evidence, as a proposal",
    ),
)  # fmt: skip
"""Everything that can be done here beside reading and submitting."""


def definition_url(base: str, code: str) -> str:
    """Where the definition of an operation stands."""
    return f"{base}/OperationDefinition/{code}"


def operation_definition(code: str, *, base: str, date: str, version: str) -> Resource:
    """One definition, or NotFound."""
    found = next((one for one in OPERATIONS if one.code == code), None)
    if found is None:
        raise NotFound("no such operation here", place="/fhir/OperationDefinition", remedy="See /fhir/metadata")
    return without_nothing(
        {
            "resourceType": "OperationDefinition",
            "id": code,
            "url": definition_url(base, code),
            "version": version,
            "name": name_of(code),
            "title": f"${code}",
            "status": "active",
            "kind": "operation",
            "date": date,
            "description": found.said,
            "affectsState": found.changes,
            "code": code,
            "base": f"{_CRMI}/crmi-{found.crmi}" if found.crmi else None,
            "resource": None if found.whole else ["PlanDefinition"],
            "system": found.whole,
            "type": False,
            "instance": not found.whole,
            "parameter": [*_taken(found), {"name": "return", "use": "out", "min": 1, "max": "1", "type": found.gives}],
        }
    )


def _taken(operation: Operation) -> Iterator[dict[str, Any]]:
    must = _MUST.get(operation.code, frozenset())
    for name, kinds in operation.takes.items():
        yield {
            "name": name,
            "use": "in",
            "min": 1 if name in must else 0,
            "max": "*" if name in _MANY else "1",
            "type": _type(kinds[0]),
        }


def _type(kind: str) -> str:
    """`valueCode` is of type `code`, `valueReference` of type `Reference`."""
    if kind == "resource":
        return "Resource"
    name = kind.removeprefix("value")
    return name if name in ("Reference", "RelatedArtifact") else name[0].lower() + name[1:]
