"""Where a release comes from and who answers for it: Provenance, with the registry's own signature where there is one.

The signature is the manifest as it was signed last (a compact JWS): it says that this registry let exactly these bytes run.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Final

from services.registry.fhir.held import Held
from services.registry.fhir.names import EVIDENCE, JOSE, JSON, RELEASE, URI, Resource, coded, without_nothing
from services.registry.fhir.views.libraries import libraries

_PART: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_SIGNED: Final = {"system": "urn:iso-astm:E1762-95:2013", "code": "1.2.840.10065.1.12.1.5"}


def provenance(held: Held) -> Resource:
    """Authors, those who agreed, the evidence that they read, and the signature."""
    return without_nothing(
        {
            "resourceType": "Provenance",
            "id": held.key,
            "meta": _meta(held),
            "target": [
                {"reference": f"PlanDefinition/{held.key}"},
                *({"reference": f"Library/{one['id']}"} for one in libraries(held)),
                {"reference": f"Device/{held.key}"},
            ],
            "occurredDateTime": held.proposal.added_at,
            "recorded": held.changed_at,
            "activity": coded("http://terminology.hl7.org/CodeSystem/v3-DataOperation", "CREATE", "create"),
            "agent": list(_agents(held)),
            "entity": list(_entities(held)),
            "signature": list(_signatures(held)),
        }
    )


def signature(jws: str, *, issuer: str, when: str) -> Resource:
    """A compact JWS as FHIR carries it."""
    return {
        "type": [_SIGNED],
        "when": when,
        "who": {"identifier": {"system": URI, "value": issuer}},
        "targetFormat": JSON,
        "sigFormat": JOSE,
        "data": base64.b64encode(jws.encode()).decode(),
    }


def _meta(held: Held) -> Resource:
    """A lease is signed anew without a ledger entry: its time belongs to the version."""
    signed = held.deployment.issued_at if held.deployment is not None else None
    if signed is None:
        return held.meta()
    stamp = "".join(letter for letter in signed if letter.isdigit())
    return {"versionId": f"{held.revision}-{stamp}", "lastUpdated": max(held.changed_at, signed)}


def _agents(held: Held) -> Iterator[Resource]:
    for author in held.proposal.authors:
        yield {"type": coded(_PART, "author", "Author"), "who": {"display": author}}
    for entry in held.entries:
        if entry["action"] == "moved":
            for role, person in entry["detail"]["agreed"].items():
                yield {
                    "type": coded(_PART, "verifier", "Verifier"),
                    "role": [{"text": f"{role}, step to {entry['detail']['to']}"}],
                    "who": {"display": person},
                }
    custodian: Resource = {"identifier": {"system": URI, "value": held.place.issuer}, "display": "Knowdo registry"}
    yield {"type": coded(_PART, "custodian", "Custodian"), "who": custodian}


def _entities(held: Held) -> Iterator[Resource]:
    for found in held.evidence:
        yield {
            "role": "source",
            "what": {
                "identifier": {"system": EVIDENCE, "value": found.filed.digest},
                "display": f"{found.filed.kind} evidence",
            },
        }
    if held.predecessor is not None:
        yield {"role": "revision", "what": {"reference": f"PlanDefinition/{held.predecessor[0]}"}}
    if (made := held.derived_from) is not None:
        yield {
            "role": "derivation",
            "what": {
                "identifier": {"system": RELEASE, "value": made["from"]},
                "display": f"{made['how']} of {made['url']}|{made['version']}, in this registry",
            },
        }
    if held.origin is not None:
        vouched = f"signed by key {held.origin.signed_by}" if held.origin.signed_by else "not signed"
        yield {
            "role": "derivation",
            "what": {
                "identifier": {"system": RELEASE, "value": held.origin.release},
                "display": f"{held.origin.url}|{held.origin.version} of {held.origin.issuer}, {vouched}",
            },
        }


def _signatures(held: Held) -> Iterator[Resource]:
    one = held.deployment
    if one is not None and one.jws is not None and one.issued_at is not None:
        yield signature(one.jws, issuer=held.place.issuer, when=one.issued_at)
