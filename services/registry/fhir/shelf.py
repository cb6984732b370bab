"""Where each type of resource is found: by id, and one after another for a search, newest first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from types import MappingProxyType
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, select

from services.guidance.errors import NotFound
from services.guidance.release import unpack
from services.registry.decisions import blind, proposals
from services.registry.decisions.proposals import Proposal
from services.registry.fhir.held import Held, Place, hold
from services.registry.fhir.names import JSON, YAML, ZIP, Resource, key_of
from services.registry.fhir.searching import Search, fits
from services.registry.fhir.views.activities import activity_definitions
from services.registry.fhir.views.assessments import assessments
from services.registry.fhir.views.audit import audit_event
from services.registry.fhir.views.documents import device, document_references
from services.registry.fhir.views.libraries import libraries
from services.registry.fhir.views.plan import plan_definition
from services.registry.fhir.views.provenance import provenance
from services.registry.tables import evidence, votes
from services.registry.tables import ledger as entries
from services.registry.tables import proposals as rows

OF_A_RELEASE: Final[Mapping[str, Callable[[Held], Iterable[Resource]]]] = MappingProxyType(
    {
        "PlanDefinition": lambda held: [plan_definition(held)],
        "ActivityDefinition": activity_definitions,
        "Library": libraries,
        "Device": lambda held: [device(held)],
        "DocumentReference": document_references,
        "Provenance": lambda held: [provenance(held)],
        "Basic": assessments,
    }
)
"""Type → the resources of that type that one release makes."""

_KEY: Final = re.compile(r"([0-9a-f]{32})(-.{1,31})?")
_VOTE: Final = re.compile(r"(vote|review)-([1-9][0-9]{0,8})")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}")
_FILE: Final = re.compile(r"-f([0-9]{1,3})")
_ENTRIES_AT_ONCE: Final = 500


def find(connection: Connection, kind: str, number: str, place: Place) -> Resource:
    """One resource by its id, or NotFound."""
    if kind == "AuditEvent":
        found = next(_audit(connection, place, only=number), None) if _NUMBER.fullmatch(number) else None
    else:
        proposal = _proposal_behind(connection, kind, number)
        made = OF_A_RELEASE[kind](hold(connection, proposal, place)) if proposal is not None else ()
        found = next((one for one in made if one["id"] == number), None)
    if found is None:
        raise NotFound(f"no {kind} with this id", place=f"/fhir/{kind}", remedy="Search for it first")
    return found


def search(connection: Connection, kind: str, asked: Search, place: Place) -> tuple[list[Resource], bool]:
    """A page of what fits, newest first, and whether there is more."""
    every = (
        _audit(connection, place, before=asked.after) if kind == "AuditEvent" else _made(connection, kind, asked, place)
    )
    found = list(islice((one for one in every if fits(kind, asked, one)), asked.count + 1))
    return found[: asked.count], len(found) > asked.count


def plan_behind(connection: Connection, number: str) -> Proposal:
    """The proposal that a PlanDefinition's id means, or NotFound."""
    proposal = _proposal_behind(connection, "PlanDefinition", number)
    if proposal is None or key_of(proposal.release) != number:
        raise NotFound("no PlanDefinition with this id", place="/fhir/PlanDefinition", remedy="Search for it first")
    return proposal


def binary(connection: Connection, number: str) -> tuple[str, bytes]:
    """Type and bytes of a packed release, of one of its files, or of an evidence pack; NotFound if it is none."""
    parts = _KEY.fullmatch(number)
    if parts is not None:
        key, suffix = parts[1], parts[2] or ""
        proposal = _by_prefix(connection, key)
        if proposal is not None and not suffix:
            return ZIP, proposals.release_bytes(connection, proposal.release)
        if proposal is not None and (named := _FILE.fullmatch(suffix)) is not None:
            files = list(unpack(proposals.release_bytes(connection, proposal.release)).files.items())
            if int(named[1]) < len(files):
                name, data = files[int(named[1])]
                return (YAML if name.endswith(".yaml") else JSON), data
        if (digest := _evidence_behind(connection, key)) is not None and not suffix:
            return ZIP, proposals.evidence_bytes(connection, digest)
    raise NotFound("no Binary with this id", place="/fhir/Binary", remedy="Follow the address in an attachment")


def _made(connection: Connection, kind: str, asked: Search, place: Place) -> Iterator[Resource]:
    """Every resource of a type from the cursor on, release by release."""
    begin = _proposal_behind(connection, kind, asked.after) if asked.after else None
    wanted = select(rows.c.id).order_by(rows.c.added_at.desc(), rows.c.id.desc())
    if begin is not None:
        wanted = wanted.where(
            (rows.c.added_at < begin.added_at) | ((rows.c.added_at == begin.added_at) & (rows.c.id <= begin.id))
        )
    if (number := asked.only("_id")) is not None:
        behind = _proposal_behind(connection, kind, number)
        wanted = wanted.where(rows.c.id == (behind.id if behind is not None else ""))
    for identity in connection.execute(wanted).scalars().all():
        proposal = proposals.must_get(connection, identity)
        made = list(OF_A_RELEASE[kind](hold(connection, proposal, place)))
        if begin is not None and proposal.id == begin.id:
            ids = [one["id"] for one in made]
            made = made[ids.index(asked.after) + 1 :] if asked.after in ids else made
        yield from made


def _audit(connection: Connection, place: Place, *, before: str = "", only: str = "") -> Iterator[Resource]:
    """Ledger entries, newest first; votes on open steps as far as the reader is told."""
    last = int(before) if _NUMBER.fullmatch(before) else None
    withheld = blind.withheld_from(connection, place.reader)
    while True:
        wanted = select(entries.c.number, entries.c.entry, entries.c.hash).order_by(entries.c.number.desc())
        if only:
            wanted = wanted.where(entries.c.number == int(only))
        elif last is not None:
            wanted = wanted.where(entries.c.number < last)
        found = connection.execute(wanted.limit(_ENTRIES_AT_ONCE)).all()
        for row in found:
            told: dict[str, Any] = msgspec.json.decode(row.entry)
            yield audit_event(blind.entry_told({**told, "hash": row.hash}, withheld), place)
        if only or len(found) < _ENTRIES_AT_ONCE:
            return
        last = found[-1].number


def _proposal_behind(connection: Connection, kind: str, number: str) -> Proposal | None:
    """The proposal whose resources include this id, if it can be told from the id."""
    if kind == "Basic":
        cast = _VOTE.fullmatch(number)
        if cast is None:
            return None
        if cast[1] == "review":
            about = connection.execute(select(entries.c.subject).where(entries.c.number == int(cast[2]))).scalar()
            return None if about is None else proposals.by_release(connection, about)
        wanted = select(votes.c.proposal).where(votes.c.ledger_number == int(cast[2]))
        identity = connection.execute(wanted).scalar_one_or_none()
        return None if identity is None else proposals.must_get(connection, identity)
    parts = _KEY.fullmatch(number)
    if parts is None:
        return None
    proposal = _by_prefix(connection, parts[1])
    if proposal is None and kind == "DocumentReference":
        digest = _evidence_behind(connection, parts[1])
        if digest is not None:
            wanted = select(evidence.c.release).where(evidence.c.digest == digest)
            proposal = proposals.by_release(connection, connection.execute(wanted).scalar_one())
    return proposal


def _by_prefix(connection: Connection, key: str) -> Proposal | None:
    found = connection.execute(select(rows.c.id).where(rows.c.release.startswith(f"sha256:{key}"))).scalars().first()
    return None if found is None else proposals.must_get(connection, found)


def _evidence_behind(connection: Connection, key: str) -> str | None:
    wanted = select(evidence.c.digest).where(evidence.c.digest.startswith(f"sha256:{key}"))
    return connection.execute(wanted).scalars().first()
