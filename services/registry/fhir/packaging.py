"""`$package`: a release with all that was decided and found about it, as one Bundle that another organisation can check.

The bytes travel as Binary; every digest is named, and one signed statement (a compact JWS) binds the release to all of its
evidence, so that no pack can be left out, exchanged or added on the way.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection

from services.plumbing.keys import SigningKey, sign
from services.registry.decisions import proposals
from services.registry.fhir.held import Held
from services.registry.fhir.names import RELEASE, URI, ZIP, Resource, coded, key_of
from services.registry.fhir.shelf import OF_A_RELEASE
from services.registry.fhir.views.audit import audit_event
from services.registry.fhir.views.libraries import libraries, manifest
from services.registry.fhir.views.plan import plan_definition
from services.registry.fhir.views.provenance import provenance, signature

STATEMENT: Final = "knowdo-package"
"""What a signed statement about a package calls itself (`typ`), so that it cannot be taken for a manifest."""


def packaged(connection: Connection, held: Held, key: SigningKey) -> Resource:
    """Everything of a release in one Bundle, the manifest first; the same bytes until something is decided or filed."""
    resources = [manifest(held)]
    resources += [one for made in OF_A_RELEASE.values() for one in made(held) if one["id"] != resources[0]["id"]]
    resources += [audit_event(entry, held.place) for entry in held.entries]
    resources += [_statement(held, key), *_bytes(connection, held)]
    return _bundle(held, resources)


def released(held: Held) -> Resource:
    """What `$release` answers: the manifest that pins every part, the rule, and the signature."""
    return _bundle(held, [manifest(held), plan_definition(held), provenance(held)])


def assessed(held: Held) -> Resource:
    """What `$approve` answers: the rule as it now stands, and every vote on it."""
    return _bundle(held, [plan_definition(held), *OF_A_RELEASE["Basic"](held)])


def begun(held: Held) -> Resource:
    """What `$draft`, `$clone` and `$revise` answer: the new rule, its parts, and where it comes from."""
    return _bundle(held, [plan_definition(held), *libraries(held), provenance(held)])


def statement_of(held: Held) -> dict[str, Any]:
    """What is signed of a package."""
    return {
        "typ": STATEMENT,
        "format": 1,
        "issuer": held.place.issuer,
        "guidance": held.proposal.guidance,
        "release": held.proposal.release,
        "state": held.proposal.state,
        "evidence": sorted(found.filed.digest for found in held.evidence),
        "ledger": {"number": held.revision, "hash": held.entries[-1]["hash"] if held.entries else ""},
    }


def _statement(held: Held, key: SigningKey) -> Resource:
    return {
        "resourceType": "Provenance",
        "id": f"{held.key}-package",
        "meta": held.meta(),
        "target": [{"reference": f"Library/{held.key}-manifest"}],
        "recorded": held.changed_at,
        "agent": [
            {
                "type": coded(
                    "http://terminology.hl7.org/CodeSystem/provenance-participant-type", "assembler", "Assembler"
                ),
                "who": {"identifier": {"system": URI, "value": held.place.issuer}},
            }
        ],
        "signature": [signature(sign(statement_of(held), key), issuer=held.place.issuer, when=held.changed_at)],
    }


def _bytes(connection: Connection, held: Held) -> Iterator[Resource]:
    digests = [held.proposal.release, *(found.filed.digest for found in held.evidence)]
    for number, digest in enumerate(digests):
        data = proposals.evidence_bytes(connection, digest) if number else proposals.release_bytes(connection, digest)
        yield {
            "resourceType": "Binary",
            "id": key_of(digest),
            "contentType": ZIP,
            "data": base64.b64encode(data).decode(),
        }


def _bundle(held: Held, resources: list[Resource]) -> Resource:
    return {
        "resourceType": "Bundle",
        "identifier": {"system": RELEASE, "value": held.proposal.release},
        "type": "collection",
        "timestamp": held.changed_at,
        "entry": [
            {"fullUrl": f"{held.place.base}/{one['resourceType']}/{one['id']}", "resource": one} for one in resources
        ],
    }
