"""Proposals: a release on its way, who made it, and the evidence that points to it.

What `intake` has checked is kept here once: the same release proposed twice is one proposal. Evidence about another
release is refused, and whoever authored or ran anything is remembered, so that they cannot vote.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Row, insert, select, update

from services.guidance.definition import Guidance
from services.guidance.errors import NotFound, Refused
from services.guidance.evidence import Kind
from services.guidance.lifecycle import RUNNING, Person, State
from services.guidance.ready import read_definition
from services.guidance.release import EvidencePack, ReleaseBundle, pack, unpack, unpack_evidence
from services.guidance.trial import Trial, TrialPlan
from services.registry.decisions import trials
from services.registry.memory import ledger
from services.registry.tables import evidence, instant_of, instant_text, proposals, releases
from services.timeline.errors import BadInput

LONGEST_NOTE: Final = 4000
A_DAY: Final = timedelta(days=1)
BEFORE_SILENCE: Final[tuple[State, ...]] = ("registered", "development")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One release and where it stands."""

    id: str
    release: str
    guidance: str
    author: str
    authors: tuple[str, ...]
    note: str
    state: State
    stopped_at: State | None
    round: int
    added_at: str
    changed_at: str
    review_by: str = ""
    """The day by which those who let it run look at it again; empty unless it runs."""
    overdue_entered: str = ""
    """The `review_by` whose passing the ledger tells of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """One evidence pack as it is listed."""

    digest: str
    kind: Kind
    added_by: str
    added_at: str


def propose(
    connection: Connection,
    *,
    bundle: ReleaseBundle,
    packs: Sequence[EvidencePack],
    author: str,
    note: str,
    by: Person,
    now: datetime,
) -> Proposal:
    """Register a release with its evidence; no vote is cast and nothing speaks. One that had lapsed is renewed."""
    shown = " ".join(author.split())
    if not 1 <= len(shown) <= 100 or not shown.isprintable():
        raise BadInput("who authored it is needed", place="author", remedy="Name the person; they will not vote on it")
    if len(note) > LONGEST_NOTE:
        raise BadInput(f"longer than {LONGEST_NOTE} characters", place="note", remedy="Put the text into the evidence")
    digest = bundle.digest
    known = by_release(connection, digest)
    if known is None:
        authors = sorted({shown, by.name} if not by.is_service else {shown})
        known = _register(connection, bundle, shown, authors, note, by, now)
    elif known.state == "retired":
        raise Refused(
            "this release is retired, and a retired release never returns",
            place=digest,
            remedy="Train or write a new one; its digest will differ",
        )
    elif known.state in BEFORE_SILENCE and now - instant_of(known.changed_at) > A_DAY:
        # One that had lapsed is renewed by this; a repeat within the day is only a repeat.
        connection.execute(update(proposals).where(proposals.c.id == known.id).values(changed_at=instant_text(now)))
        _remember(connection, known, "proposed again", by, {"note": note}, now)
    for found in packs:
        add_evidence(connection, known, found, by=by, now=now)
    return must_get(connection, known.id)


def add_evidence(connection: Connection, proposal: Proposal, found: EvidencePack, *, by: Person, now: datetime) -> str:
    """File an evidence pack; who ran it joins the authors, and cannot vote."""
    if found.release != proposal.release:
        raise Refused(
            f"this evidence is about {found.release}, the proposal is {proposal.release}",
            place="evidence",
            remedy="Evidence cannot be moved to another release; make it again for this one",
        )
    digest = found.digest
    if connection.execute(select(evidence.c.digest).where(evidence.c.digest == digest)).first():
        return digest
    connection.execute(
        insert(evidence).values(
            digest=digest,
            release=found.release,
            kind=found.evidence,
            pack=pack(found),
            added_by=by.name,
            added_at=instant_text(now),
        )
    )
    configured(connection, proposal, "evidence added", by, {"evidence": digest, "kind": found.evidence}, now)
    return digest


def file_trial(connection: Connection, proposal: Proposal, plan: TrialPlan, *, by: Person, now: datetime) -> Trial:
    """File a trial for the next step to speak; who files it joins the authors, and votes that have not read it are void."""
    if proposal.state == "retired":
        raise Refused("this release is retired; no trial of it can run", place=proposal.id, remedy="Propose a new one")
    trial = trials.keep(connection, proposal.id, plan, by=by.name, now=now)
    configured(connection, proposal, "trial filed", by, {"trial": trial.shown}, now)
    return trial


def configured(
    connection: Connection, proposal: Proposal, action: str, by: Person, detail: Mapping[str, object], now: datetime
) -> None:
    """Remember that someone set something up for a release: they join its authors, and cannot vote on it."""
    _join_authors(connection, proposal, by)
    _remember(connection, proposal, action, by, detail, now)


def change_state(connection: Connection, proposal: Proposal, to: State, *, now: datetime) -> Proposal:
    """Move a proposal; the stage at which it was stopped is kept, and votes cast until now are spent."""
    stopped_at = proposal.state if to == "suspended" and proposal.state in RUNNING else proposal.stopped_at
    connection.execute(
        update(proposals)
        .where(proposals.c.id == proposal.id)
        .values(state=to, stopped_at=stopped_at, round=proposal.round + 1, changed_at=instant_text(now))
    )
    return must_get(connection, proposal.id)


def review_until(connection: Connection, proposal: Proposal, day: str) -> Proposal:
    """Set the day by which it is looked at again, or none."""
    connection.execute(update(proposals).where(proposals.c.id == proposal.id).values(review_by=day))
    return must_get(connection, proposal.id)


def filed_for(connection: Connection, release: str) -> list[Filed]:
    """The evidence of a release, oldest first."""
    rows = connection.execute(
        select(evidence.c.digest, evidence.c.kind, evidence.c.added_by, evidence.c.added_at)
        .where(evidence.c.release == release)
        .order_by(evidence.c.number)
    )
    return [Filed(digest=row.digest, kind=row.kind, added_by=row.added_by, added_at=row.added_at) for row in rows]


def latest_packs(connection: Connection, release: str) -> dict[Kind, EvidencePack]:
    """The latest evidence pack of each kind, verified again as it is read."""
    latest = {filed.kind: filed.digest for filed in filed_for(connection, release)}
    return {
        kind: unpack_evidence(evidence_bytes(connection, digest), expected_digest=digest)
        for kind, digest in latest.items()
    }


def definition_of(connection: Connection, release: str) -> Guidance:
    """The guidance that a kept release holds, its bytes verified again."""
    return read_definition(unpack(release_bytes(connection, release), expected_digest=release))


def known_as(text: str) -> str:
    """A name from an address, safe to ask a database for; NotFound if nothing can be called that."""
    if not text.isascii() or not text.isprintable() or len(text) > 100:
        raise NotFound(
            "nothing here can have that name", place="address", remedy="Take it from a list of this registry"
        )
    return text


def release_bytes(connection: Connection, digest: str) -> bytes:
    """The packed release of that digest."""
    row = connection.execute(select(releases.c.bundle).where(releases.c.digest == known_as(digest))).first()
    if row is None:
        raise NotFound("no such release here", place=digest[:80], remedy="See `GET /guidance` for what there is")
    return bytes(row.bundle)


def evidence_bytes(connection: Connection, digest: str) -> bytes:
    """The packed evidence of that digest."""
    row = connection.execute(select(evidence.c.pack).where(evidence.c.digest == known_as(digest))).first()
    if row is None:
        raise NotFound("no such evidence here", place=digest[:80], remedy="See `GET /proposals` for what there is")
    return bytes(row.pack)


def every(connection: Connection, *, guidance: str | None = None) -> list[Proposal]:
    """Proposals, the newest first; all, or those of one guidance."""
    asked = select(proposals).order_by(proposals.c.added_at.desc(), proposals.c.id)
    if guidance is not None:
        asked = asked.where(proposals.c.guidance == known_as(guidance))
    return [_proposal(row) for row in connection.execute(asked)]


def by_release(connection: Connection, digest: str) -> Proposal | None:
    """The proposal of a release."""
    row = connection.execute(select(proposals).where(proposals.c.release == known_as(digest))).first()
    return None if row is None else _proposal(row)


def must_get(connection: Connection, proposal_id: str, *, for_change: bool = False) -> Proposal:
    """The proposal of that id; `for_change` locks it, so that two votes cannot both complete a quorum."""
    asked = select(proposals).where(proposals.c.id == known_as(proposal_id))
    row = connection.execute(asked.with_for_update() if for_change else asked).first()
    if row is None:
        raise NotFound("no such proposal", place=proposal_id[:40], remedy="See `GET /proposals` for what there is")
    return _proposal(row)


def _register(
    connection: Connection,
    bundle: ReleaseBundle,
    author: str,
    authors: Sequence[str],
    note: str,
    by: Person,
    now: datetime,
) -> Proposal:
    digest, at = bundle.digest, instant_text(now)
    connection.execute(
        insert(releases).values(
            digest=digest, guidance=bundle.guidance, version=bundle.version, bundle=pack(bundle), added_at=at
        )
    )
    proposal = Proposal(
        id=uuid.uuid4().hex,
        release=digest,
        guidance=bundle.guidance,
        author=author,
        authors=tuple(authors),
        note=note,
        state="registered",
        stopped_at=None,
        round=0,
        added_at=at,
        changed_at=at,
    )
    connection.execute(insert(proposals).values(asdict(proposal) | {"authors": list(authors)}))
    detail = {"guidance": bundle.guidance, "version": bundle.version, "author": author, "note": note}
    _remember(connection, proposal, "proposed", by, detail, now)
    return proposal


def _join_authors(connection: Connection, proposal: Proposal, by: Person) -> None:
    """Whoever configured or ran anything of it cannot vote on it."""
    if not by.is_service and by.name not in proposal.authors:
        connection.execute(
            update(proposals)
            .where(proposals.c.id == proposal.id)
            .values(authors=sorted({*must_get(connection, proposal.id).authors, by.name}))
        )


def _remember(
    connection: Connection, proposal: Proposal, action: str, by: Person, detail: Mapping[str, object], now: datetime
) -> None:
    role = ",".join(sorted(by.roles))
    ledger.append(
        connection,
        actor=by.name,
        role=role,
        action=action,
        subject=proposal.release,
        detail={"proposal": proposal.id, **detail},
        now=now,
    )


def _proposal(row: Row[tuple[object, ...]]) -> Proposal:
    facts = row._asdict()
    return Proposal(**{**facts, "authors": tuple(facts["authors"])})
