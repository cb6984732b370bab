"""What the registry holds of one release, read once: the facts that every view of it is made from."""

from __future__ import annotations

import base64
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha1, sha256
from threading import Lock
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Connection, select

from services.guidance.check import load_files
from services.guidance.definition import Guidance
from services.guidance.evidence import EVALUATION_FILE, Evaluation
from services.guidance.folder import RESOURCES
from services.guidance.lifecycle import Person, State
from services.guidance.prefetch import derive_queries
from services.guidance.queries import Query
from services.guidance.release import pack, unpack, unpack_evidence
from services.registry.decisions import blind, gates, origins, proposals, votes
from services.registry.decisions.origins import Origin
from services.registry.decisions.proposals import Filed, Proposal
from services.registry.decisions.votes import Kept
from services.registry.deployed import deployments
from services.registry.deployed.deployments import Deployment
from services.registry.fhir.names import key_of, version_of
from services.registry.memory import ledger
from services.registry.tables import releases
from services.timeline.codes import ValueSets

T = TypeVar("T")

MOST_ENTRIES: Final = 1000
RELEASED: Final[tuple[State, ...]] = ("silent", "pilot", "general", "suspended")
"""States that FHIR calls active: they were approved for something, and never go back to draft."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bytes:
    """A file as FHIR tells of it: where in the bundle, how large, its hashes (R4's own is SHA-1)."""

    name: str
    size: int
    sha1: str
    """Base64, as Attachment.hash wants it."""
    digest: str
    """`sha256:…`"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What stands in a release, without its large files."""

    guidance: Guidance
    value_sets: ValueSets
    queries: Mapping[str, Query]
    files: tuple[Bytes, ...]
    templates: Mapping[str, bytes]
    """Suggestion resources by file name, without the `resources/` before it, byte for byte."""
    packed: Bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One evidence pack: how it was filed, its bytes, and what a training report says."""

    filed: Filed
    packed: Bytes
    evaluation: Evaluation | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where this registry stands, and to whom it speaks."""

    issuer: str
    demo: bool
    reader: Person | None = None
    """Who reads; None: anyone, who is told no vote on an open step."""

    @property
    def base(self) -> str:
        """The address of /fhir."""
        return f"{self.issuer.rstrip('/')}/fhir"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One release and everything that was decided and found about it."""

    place: Place
    proposal: Proposal
    contents: Contents
    evidence: tuple[Found, ...]
    votes: tuple[Kept, ...]
    entries: tuple[dict[str, Any], ...]
    """Of those that are withheld from the reader, only what the chain needs."""
    withheld: frozenset[int]
    """Their numbers."""
    deployment: Deployment | None
    predecessor: tuple[str, str] | None
    """Id and version of the release of this guidance that was proposed before."""
    origin: Origin | None

    @property
    def key(self) -> str:
        """What the ids of its resources begin with."""
        return key_of(self.proposal.release)

    @property
    def version(self) -> str:
        """The business version of its resources."""
        return version_of(self.contents.guidance.version, self.proposal.release)

    @property
    def status(self) -> str:
        """What FHIR calls its state."""
        if self.proposal.state == "retired":
            return "retired"
        return "active" if self.proposal.state in RELEASED else "draft"

    @property
    def changed_at(self) -> str:
        """When anything about it was last decided or filed."""
        return str(self.entries[-1]["at"]) if self.entries else self.proposal.changed_at

    @property
    def revision(self) -> int:
        """The number of the last ledger entry about it: it grows with every change and never comes again."""
        return int(self.entries[-1]["number"]) if self.entries else 0

    @property
    def derived_from(self) -> dict[str, str] | None:
        """The release of this registry that it was drafted, cloned or revised from: its digest, address and version."""
        made = next((entry["detail"] for entry in self.entries if entry["action"] == "derived"), None)
        return None if made is None else {name: str(made[name]) for name in ("how", "from", "url", "version")}

    def url(self, kind: str, suffix: str = "") -> str:
        """The canonical address of one of its artifacts."""
        return f"{self.place.base}/{kind}/{self.proposal.guidance}{suffix}"

    def canonical(self, kind: str, suffix: str = "") -> str:
        """The same, pinned to this release."""
        return f"{self.url(kind, suffix)}|{self.version}"

    def meta(self) -> dict[str, Any]:
        """Version and time of a resource as FHIR servers tell them."""
        return {"versionId": str(self.revision), "lastUpdated": self.changed_at}


def hold(connection: Connection, proposal: Proposal, place: Place) -> Held:
    """Everything about one release, as far as the reader is told."""
    withheld = blind.withheld_from(connection, place.reader)
    entries = ledger.entries_about(connection, [proposal.release], limit=MOST_ENTRIES)
    return Held(
        place=place,
        proposal=proposal,
        contents=_contents(connection, proposal.release),
        evidence=tuple(
            Found(filed=filed, packed=packed, evaluation=evaluation)
            for filed in proposals.filed_for(connection, proposal.release)
            for packed, evaluation in [_evidence(connection, filed.digest)]
        ),
        votes=tuple(votes.kept_for(connection, proposal.id)),
        entries=tuple(blind.entry_told(entry, withheld) for entry in entries),
        withheld=withheld,
        deployment=next(
            (one for one in deployments.of_guidance(connection, proposal.guidance) if one.proposal == proposal.id),
            None,
        ),
        predecessor=_predecessor(connection, proposal),
        origin=origins.of_release(connection, proposal.release),
    )


def described(name: str, data: bytes) -> Bytes:
    """The facts that FHIR tells of some bytes."""
    return Bytes(
        name=name,
        size=len(data),
        # R4 says SHA-1 and nothing else; what is relied on is the SHA-256 beside it.
        sha1=base64.b64encode(sha1(data, usedforsecurity=False).digest()).decode(),
        digest=f"sha256:{sha256(data).hexdigest()}",
    )


class _Kept(Generic[T]):
    """The last few things that were read, by digest: what a digest names never changes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._known: OrderedDict[str, T] = OrderedDict()

    def get(self, digest: str, read: Callable[[], T]) -> T:
        """What the digest names, read now if it is not kept."""
        with self._lock:
            if digest in self._known:
                self._known.move_to_end(digest)
                return self._known[digest]
        found = read()
        with self._lock:
            self._known[digest] = found
            while len(self._known) > self._most:
                self._known.popitem(last=False)
        return found


# Without its models a release is a few hundred kB.
_CONTENTS: Final = _Kept[Contents](64)
_FOUND: Final = _Kept[tuple[Bytes, Evaluation | None]](256)


def _contents(connection: Connection, digest: str) -> Contents:
    return _CONTENTS.get(digest, lambda: _read_contents(proposals.release_bytes(connection, digest), digest))


def _read_contents(data: bytes, digest: str) -> Contents:
    bundle = unpack(data, expected_digest=digest)
    loaded = load_files(bundle.files)
    return Contents(
        guidance=loaded.definition,
        value_sets=loaded.value_sets,
        queries=derive_queries(loaded.definition, loaded.value_sets),
        files=tuple(described(name, content) for name, content in bundle.files.items()),
        templates={
            name.removeprefix(RESOURCES): content
            for name, content in bundle.files.items()
            if name.startswith(RESOURCES)
        },
        packed=described(f"{bundle.guidance}-{bundle.version}.zip", pack(bundle)),
    )


def _evidence(connection: Connection, digest: str) -> tuple[Bytes, Evaluation | None]:
    return _FOUND.get(digest, lambda: _read_evidence(proposals.evidence_bytes(connection, digest), digest))


def _read_evidence(data: bytes, digest: str) -> tuple[Bytes, Evaluation | None]:
    found = unpack_evidence(data, expected_digest=digest)
    evaluation = gates.read_evaluation(found) if EVALUATION_FILE in found.files else None
    return described(f"{found.evidence}-evidence.zip", data), evaluation


def _predecessor(connection: Connection, proposal: Proposal) -> tuple[str, str] | None:
    earlier = [
        one
        for one in proposals.every(connection, guidance=proposal.guidance)
        if (one.added_at, one.id) < (proposal.added_at, proposal.id)
    ]
    if not earlier:
        return None
    last = max(earlier, key=lambda one: (one.added_at, one.id))
    version = connection.execute(select(releases.c.version).where(releases.c.digest == last.release)).scalar_one()
    return key_of(last.release), version_of(version, last.release)
