"""What a release is made of, as five Libraries: model, feature specification, change plan, dataset, and the manifest.

Each names its content by address, size, type and digest. The manifest pins everything that the release refers to; it is
what `$release` and `$package` answer with. Source: FHIR R4 Library, CRMI 2.0 (manifest library).
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, Final

from services.guidance.folder import GUIDANCE_FILE, TRANSPARENCY_FILE, VALUE_SETS_FILE
from services.guidance.queries import Query
from services.guidance.release import canonical_json
from services.registry.fhir.held import Found, Held, described
from services.registry.fhir.names import (
    CONTENT_DIGEST,
    EVIDENCE,
    JSON,
    LIBRARY_KIND,
    RELEASE,
    YAML,
    Resource,
    coded,
    extension,
    name_of,
    without_nothing,
)
from services.registry.fhir.views.activities import activity_definitions
from services.registry.fhir.views.documents import attachment

_TYPE: Final = "http://terminology.hl7.org/CodeSystem/library-type"
_TEXTS: Final = frozenset({GUIDANCE_FILE, VALUE_SETS_FILE, TRANSPARENCY_FILE})


def libraries(held: Held) -> Iterator[Resource]:
    """Every Library of a release; the dataset is told as soon as there is training evidence."""
    yield _model(held)
    yield _features(held)
    yield _change_plan(held)
    yield from _dataset(held)
    yield manifest(held)


def manifest(held: Held) -> Resource:
    """What the release consists of, each part pinned to a version, and the evidence by digest."""
    parts = [held.canonical("PlanDefinition")]
    parts += [held.canonical("Library", suffix) for suffix in ("-model", "-features", "-change-plan")]
    parts += [held.canonical("Library", "-dataset") for _ in _trained(held)[:1]]
    parts += [f"{one['url']}|{one['version']}" for one in activity_definitions(held)]
    made = _library(
        held,
        "-manifest",
        f"{held.contents.guidance.title}: what the release consists of",
        coded(_TYPE, "asset-collection", "Asset Collection"),
        content=[attachment(held, held.contents.packed, key=held.proposal.release)],
    )
    made["relatedArtifact"] = [
        *({"type": "composed-of", "resource": one} for one in parts),
        *(
            {
                "type": "justification",
                "display": f"{found.filed.kind} evidence {found.filed.digest}",
                "document": attachment(held, found.packed, key=found.filed.digest),
            }
            for found in held.evidence
        ),
    ]
    return made


def _model(held: Held) -> Resource:
    """The model files: everything in the bundle that computes a risk, and the population it is explained against."""
    files = [
        (number, one)
        for number, one in enumerate(held.contents.files)
        if one.name in ("model.json", "reference.json") or one.name.startswith(("models/", "references/"))
    ]
    made = _library(
        held,
        "-model",
        f"{held.contents.guidance.title}: model",
        coded(_TYPE, "logic-library", "Logic Library"),
        content=[
            attachment(held, one, key=held.proposal.release, content_type=JSON, suffix=f"-f{number}")
            for number, one in files
        ],
    )
    guidance = held.contents.guidance
    made["parameter"] = [
        *(
            {"name": name, "use": "in", "min": 0, "max": "1", "type": "decimal", "documentation": feature.label}
            for name, feature in guidance.features.items()
            if feature.use == "model"
        ),
        *(
            {"name": name, "use": "out", "min": 0, "max": "1", "type": "decimal", "documentation": one.label}
            for name, one in guidance.all_predictions.items()
        ),
    ]
    made["relatedArtifact"] = [{"type": "depends-on", "resource": held.canonical("Library", "-features")}]
    return made


def _features(held: Held) -> Resource:
    """What is read of a patient: the definition, the codes, what readers are told, and each query as a DataRequirement."""
    files = [(number, one) for number, one in enumerate(held.contents.files) if one.name in _TEXTS]
    made = _library(
        held,
        "-features",
        f"{held.contents.guidance.title}: what it reads",
        coded(_TYPE, "module-definition", "Module Definition"),
        content=[
            attachment(
                held,
                one,
                key=held.proposal.release,
                content_type=YAML if one.name.endswith(".yaml") else JSON,
                suffix=f"-f{number}",
            )
            for number, one in files
        ],
    )
    made["dataRequirement"] = [_requirement(query) for query in held.contents.queries.values()]
    return made


def _requirement(query: Query) -> Resource:
    codes = [
        {"system": system, "code": code}
        for system, _, code in (one.partition("|") for one in query.codes)
        if system and code
    ]
    return without_nothing(
        {
            "type": query.resource_type,
            "codeFilter": [{"path": "code", "code": codes}] if codes else None,
            "limit": query.count,
        }
    )


def _change_plan(held: Held) -> Resource:
    """What may change without a new registration: the recipe, when it is learned anew, and what it is held against."""
    guidance = held.contents.guidance
    plan = guidance.change_plan
    said = {
        "guidance": guidance.id,
        "version": guidance.version,
        "learning": guidance.learning.model_dump(mode="json", exclude_none=True),
        "recipes": {
            name: one.model.model_dump(mode="json", exclude_none=True) for name, one in guidance.all_predictions.items()
        },
        "held_against": guidance.evidence.model_dump(mode="json", exclude_none=True),
        **({} if plan is None else {"plan": plan.model_dump(mode="json", exclude_none=True)}),
    }
    return _library(
        held,
        "-change-plan",
        f"{guidance.title}: change plan",
        coded(LIBRARY_KIND, "change-plan", "Change plan"),
        content=[_inline("change-plan.json", said)],
    )


def _dataset(held: Held) -> Iterator[Resource]:
    """What it was learned from, as the newest training evidence tells it: counts and periods, no patient."""
    for found in _trained(held)[-1:]:
        report = found.evaluation
        if report is None:
            continue
        said = {
            "guidance": report.guidance,
            "from": report.since,
            "to": report.until,
            "rows": report.rows,
            "events": report.events,
            "patients": report.patients,
            "split": report.split,
            "states": dict(report.states),
            "evidence": found.filed.digest,
        }
        made = _library(
            held,
            "-dataset",
            f"{held.contents.guidance.title}: what it was learned from",
            coded(LIBRARY_KIND, "dataset", "Dataset manifest"),
            content=[_inline("dataset.json", said)],
        )
        made["identifier"].append({"system": EVIDENCE, "value": found.filed.digest})
        yield made


def _trained(held: Held) -> list[Found]:
    return [found for found in held.evidence if found.filed.kind == "training" and found.evaluation is not None]


def _inline(name: str, said: dict[str, Any]) -> Resource:
    data = canonical_json(said)
    facts = described(name, data)
    return {
        "extension": [extension(CONTENT_DIGEST, valueString=facts.digest)],
        "contentType": JSON,
        "data": base64.b64encode(data).decode(),
        "size": facts.size,
        "hash": facts.sha1,
        "title": name,
    }


def _library(held: Held, suffix: str, title: str, kind: Resource, *, content: list[Resource]) -> Resource:
    return {
        "resourceType": "Library",
        "id": f"{held.key}{suffix}",
        "meta": held.meta(),
        "url": held.url("Library", suffix),
        "identifier": [{"system": RELEASE, "value": held.proposal.release}],
        "version": held.version,
        "name": name_of(f"{held.proposal.guidance}{suffix}"),
        "title": title,
        "status": held.status,
        "experimental": held.place.demo,
        "type": kind,
        "date": held.changed_at,
        "publisher": held.place.issuer,
        "content": content,
    }
