"""An arrived release becomes a proposal: its origin kept, its evidence filed as external, the ledger told.

It enters like any other, at `registered`: what another organisation found counts as reading, never as a gate's proof.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection

from services.guidance.errors import Refused
from services.guidance.lifecycle import Person
from services.guidance.release import EvidencePack, canonical_json, pack
from services.registry.decisions import origins, proposals
from services.registry.decisions.origins import Origin
from services.registry.decisions.proposals import Proposal
from services.registry.fhir.arriving.recognise import Arrived
from services.registry.memory import ledger

ORIGIN_FILE = "origin.json"
PACK_FILE = "pack.zip"


def import_release(
    connection: Connection, arrived: Arrived, data: bytes, *, author: str, note: str, by: Person, now: datetime
) -> Proposal:
    """The proposal of an arrived release; the same package twice is one proposal, and one made here is never relabelled."""
    digest = arrived.bundle.digest
    known = proposals.by_release(connection, digest)
    if known is not None and origins.of_release(connection, digest) is None:
        raise Refused(
            "this release was proposed here, so it did not come from elsewhere",
            place=digest,
            remedy="See the proposal that there is; import what another organisation made",
        )
    packs = [*_external(arrived)]
    proposal = proposals.propose(connection, bundle=arrived.bundle, packs=(), author=author, note=note, by=by, now=now)
    origin = Origin(
        release=digest,
        url=arrived.url,
        version=arrived.version,
        package_sha256=sha256(data).hexdigest(),
        issuer=arrived.issuer,
        signed_by=arrived.signed_by,
        evidence=tuple(sorted(one.digest for one in arrived.packs)),
    )
    origins.keep(connection, origin, arrived.packs, by=by.name, now=now)
    for found in packs:
        proposals.add_evidence(connection, proposal, found, by=by, now=now)
    if known is None:
        ledger.append(
            connection,
            actor=by.name,
            role=",".join(sorted(by.roles)),
            action="imported",
            subject=digest,
            detail={
                "proposal": proposal.id,
                "from": origin.url,
                "version": origin.version,
                "issuer": origin.issuer,
                "signed_by": origin.signed_by,
                "package": f"sha256:{origin.package_sha256}",
                "evidence": list(origin.evidence),
            },
            now=now,
        )
    return proposals.must_get(connection, proposal.id)


def _external(arrived: Arrived) -> Iterator[EvidencePack]:
    """Each pack inside one that says that it is another's; its own bytes, and so its digest, stay as they were."""
    for one in arrived.packs:
        if one.evidence == "external":
            yield one
            continue
        said = {
            "kind": one.evidence,
            "digest": one.digest,
            "issuer": arrived.issuer,
            "url": arrived.url,
            "version": arrived.version,
            "signed_by": arrived.signed_by,
        }
        yield EvidencePack(
            evidence="external",
            release=one.release,
            files={ORIGIN_FILE: canonical_json(said), PACK_FILE: pack(one)},
        )
