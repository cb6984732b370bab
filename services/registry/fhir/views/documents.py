"""The AI system as Device, and what is to be read about it as DocumentReference: the page of the release, each evidence pack.

Source: FHIR R4; AI Transparency on FHIR (R4, ballot) for the codes of the device and the model card.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from services.guidance.definition import PRIMARY
from services.registry.fhir.held import Bytes, Found, Held
from services.registry.fhir.names import (
    AI,
    CONTENT_DIGEST,
    EVIDENCE,
    EVIDENCE_ORIGIN,
    HTML,
    RELEASE,
    ZIP,
    Resource,
    coded,
    extension,
    key_of,
    without_nothing,
)

_KIND_OF_AI: Final = f"{AI}/CodeSystem/AIdeviceTypeCS"
_KIND_OF_INPUT: Final = f"{AI}/CodeSystem/AIinputsCS"


def device(held: Held) -> Resource:
    """The AI system: what speaks, by the digest of its release."""
    guidance = held.contents.guidance
    learned = guidance.all_predictions[PRIMARY].model.published is None
    kind = ("Machine-Learning-Models", "Machine Learning Models") if learned else (
        "Rule-Based-Systems",
        "Rule-Based Systems",
    )  # fmt: skip
    return {
        "resourceType": "Device",
        "id": held.key,
        "meta": held.meta(),
        "extension": [
            extension(
                f"{AI}/StructureDefinition/aitransparency.AIKind", valueCodeableConcept=coded(_KIND_OF_AI, *kind)
            ),
            extension(
                f"{AI}/StructureDefinition/aitransparency.modelCardDescription",
                valueReference={"reference": f"DocumentReference/{held.key}-page"},
            ),
        ],
        "identifier": [{"system": RELEASE, "value": held.proposal.release}],
        "status": "inactive" if held.proposal.state in ("suspended", "retired") else "active",
        "manufacturer": guidance.about.developer,
        "deviceName": [{"name": guidance.title, "type": "model-name"}],
        "modelNumber": guidance.id,
        "type": coded(_KIND_OF_AI, "Artificial-Intelligence", "All kinds of Artificial Intelligence"),
        "version": [{"value": held.version}],
        "url": page_of(held),
    }


def document_references(held: Held) -> Iterator[Resource]:
    """The model card and the page that a card links to, then each evidence pack, the newest of its kind current."""
    card = (
        f"{held.place.issuer.rstrip('/')}/guidance/{held.proposal.guidance}/model-card?release={held.proposal.release}"
    )
    yield {
        "resourceType": "DocumentReference",
        "id": f"{held.key}-page",
        "meta": held.meta(),
        "identifier": [{"system": RELEASE, "value": held.proposal.release}],
        "status": "current",
        "type": coded(_KIND_OF_INPUT, "AIModelCard", "AI Model-Card"),
        "category": [coded(_KIND_OF_INPUT, "AImodelCardCHAIformat", "CHAI Format")],
        "subject": {"reference": f"Device/{held.key}"},
        "date": held.changed_at,
        "description": f"{held.contents.guidance.title}: what it is, what was found about it, who agreed",
        "content": [
            {"attachment": {"contentType": "application/xml", "url": card, "title": "Applied model card (CHAI v0.2)"}},
            {"attachment": {"contentType": "text/markdown", "url": f"{card}&format=markdown", "title": "Model card"}},
            {"attachment": {"contentType": HTML, "url": page_of(held), "title": "Evidence page"}},
        ],
    }
    newest = {found.filed.kind: found.filed.digest for found in held.evidence}
    for found in held.evidence:
        yield _evidence(held, found, is_newest=newest[found.filed.kind] == found.filed.digest)


def page_of(held: Held) -> str:
    """The address that a card links to."""
    return f"{held.place.issuer.rstrip('/')}/releases/{held.proposal.release}/page"


def attachment(held: Held, what: Bytes, *, key: str, content_type: str = ZIP, suffix: str = "") -> Resource:
    """Some bytes that this registry keeps, by address, size and both hashes."""
    return {
        "extension": [extension(CONTENT_DIGEST, valueString=what.digest)],
        "contentType": content_type,
        "url": f"{held.place.base}/Binary/{key_of(key)}{suffix}",
        "size": what.size,
        "hash": what.sha1,
        "title": what.name,
    }


def _evidence(held: Held, found: Found, *, is_newest: bool) -> Resource:
    filed = found.filed
    external = filed.kind == "external"
    origin = held.origin.issuer if external and held.origin is not None else None
    return without_nothing(
        {
            "resourceType": "DocumentReference",
            "id": key_of(filed.digest),
            "meta": held.meta(),
            "extension": [extension(EVIDENCE_ORIGIN, valueString=origin)] if origin else None,
            "identifier": [{"system": EVIDENCE, "value": filed.digest}],
            "status": "current" if is_newest or external else "superseded",
            "type": {"text": f"{filed.kind} evidence"},
            "subject": {"reference": f"Device/{held.key}"},
            "date": filed.added_at,
            "author": [{"display": filed.added_by}],
            "content": [{"attachment": attachment(held, found.packed, key=filed.digest)}],
            "context": {"related": [{"reference": f"PlanDefinition/{held.key}"}]},
        }
    )
