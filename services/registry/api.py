"""The registry's HTTP API. It translates; it decides nothing. Every route but `/keys` asks who is there first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Depends, Query
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from services.guidance.lifecycle import Person
from services.plumbing.registry_client import LONGEST_WAIT
from services.plumbing.web import decode, json_response, read_body
from services.registry import schemas
from services.registry.console import overview
from services.registry.decisions import blind, intake, proposals, votes
from services.registry.decisions.conditions import NewCondition
from services.registry.decisions.votes import Ballot
from services.registry.deployed import feed, workers
from services.registry.deployed.site_stops import stop_at
from services.registry.deployed.stops import stop
from services.registry.desk import DeskDep as DeskDep
from services.registry.memory import ledger
from services.registry.memory.notes import NOTING
from services.registry.people.persons import Act
from services.registry.people.visitor import shown_token
from services.timeline.errors import BadInput

router: Final = APIRouter()
T = TypeVar("T")
MAX_PROPOSAL: Final = 100_000_000  # a forest of 1,000 trees is about 27 MB in base64
ZIP: Final = "application/zip"
# Content-addressed: what was fetched once is good for ever.
FOREVER: Final = {"Cache-Control": "private, max-age=31536000, immutable"}


def allowed(act: Act) -> Callable[[Request], Any]:
    """A dependency: the caller, if they may do that; 401 or 403 if not."""

    async def caller(request: Request) -> Person:
        known = await shown_token(request)
        known.must(act)
        return known.person

    return caller


async def _noter(request: Request) -> Person:
    """Whoever adds to the memory, with a token that may do more than read."""
    known = await shown_token(request)
    if not known.acts & NOTING:
        known.must("vote")
    return known.person


Reader = Annotated[Person, Depends(allowed("read"))]
Proposer = Annotated[Person, Depends(allowed("propose"))]
Voter = Annotated[Person, Depends(allowed("vote"))]
Stopper = Annotated[Person, Depends(allowed("stop"))]
Runner = Annotated[Person, Depends(allowed("run"))]
Reporter = Annotated[Person, Depends(allowed("report"))]
Noter = Annotated[Person, Depends(_noter)]


@router.get("/keys")
async def keys(desk: DeskDep) -> Response:
    """The public keys that manifests are signed with, as a JWK set."""
    return json_response(desk.keys)


@router.get("/manifests")
async def manifests(
    desk: DeskDep,
    runner: Runner,
    after: Annotated[int, Query(ge=0)] = 0,
    wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT)] = 0.0,
    worker: Annotated[str, Query(max_length=80, pattern=r"^[^\x00-\x1f\x7f]*$")] = "",
) -> Response:
    """Every manifest, renewed; with `wait`, as soon as the ledger is past `after`. `worker`: who will hold the leases."""
    now = desk.now()
    # A named worker is written down at every question, and needs no look first.
    due = bool(worker) or await desk.read(lambda connection: workers.is_due(connection, "", by=runner, now=now))
    if due:
        await desk.note(lambda connection: workers.heard(connection, worker, wait=wait, by=runner, now=now))
    return json_response(schemas.signed_shown(await desk.manifests(after=after, wait=wait)))


@router.post("/proposals")
async def propose(request: Request, desk: DeskDep, proposer: Proposer) -> Response:
    """Offer a release with its evidence; answers 201, and 200 if it was offered before."""
    body = decode(schemas.PROPOSE, await read_body(request, limit=MAX_PROPOSAL))
    bundle = await run_in_threadpool(intake.read_release, body.release)
    packs = [await run_in_threadpool(intake.read_evidence, pack) for pack in body.evidence]

    def act(connection: Connection) -> tuple[bool, proposals.Proposal]:
        known = proposals.by_release(connection, bundle.digest) is not None
        return known, proposals.propose(
            connection, bundle=bundle, packs=packs, author=body.author, note=body.note, by=proposer, now=desk.now()
        )

    known, proposal = await desk.write(act)
    return json_response(schemas.proposal_shown(proposal), 200 if known else 201)


@router.get("/proposals")
async def list_proposals(desk: DeskDep, _reader: Reader) -> Response:
    """All proposals, the newest first."""
    found = await desk.read(proposals.every)
    return json_response({"proposals": [schemas.proposal_shown(proposal) for proposal in found]})


@router.get("/proposals/{proposal}")
async def one_proposal(proposal: str, desk: DeskDep, reader: Reader) -> Response:
    """One proposal: its evidence, every vote, and for each open step what is still in the way; blind until one's own vote."""
    shown = await desk.read(
        lambda connection: overview.proposal_in_full(connection, proposal, reader, desk.policy, desk.now())
    )
    return json_response(shown)


@router.post("/proposals/{proposal}/evidence")
async def add_evidence(proposal: str, request: Request, desk: DeskDep, proposer: Proposer) -> Response:
    """Add an evidence pack; the release stays as it is."""
    body = decode(schemas.EVIDENCE, await read_body(request, limit=MAX_PROPOSAL))
    pack = await run_in_threadpool(intake.read_evidence, body.evidence)

    def act(connection: Connection) -> str:
        known = proposals.must_get(connection, proposal, for_change=True)
        return proposals.add_evidence(connection, known, pack, by=proposer, now=desk.now())

    return json_response({"proposal": proposal, "evidence": await desk.write(act)}, 201)


@router.post("/proposals/{proposal}/trial")
async def file_trial(proposal: str, request: Request, desk: DeskDep, proposer: Proposer) -> Response:
    """File a trial for the next step to speak; every vote for it must name the digest that this answers."""
    plan = decode(schemas.PLAN, await read_body(request))

    def act(connection: Connection) -> dict[str, Any]:
        known = proposals.must_get(connection, proposal, for_change=True)
        return proposals.file_trial(connection, known, plan, by=proposer, now=desk.now()).shown

    return json_response({"proposal": proposal, "trial": await desk.write(act)}, 201)


@router.post("/proposals/{proposal}/votes")
async def cast_vote(proposal: str, request: Request, desk: DeskDep, voter: Voter) -> Response:
    """Vote; the step is taken when the quorum is complete and the gate open."""
    body = decode(schemas.VOTE, await read_body(request))
    ballot = Ballot(
        transition=body.transition,
        role=body.role,
        vote=body.vote,
        release=body.release,
        evidence=frozenset(body.evidence),
        reason=body.reason,
        accepts=frozenset(body.accepts),
        plans=body.plans,
        conditions=tuple(
            NewCondition(text=one.text, closes=one.closes, blocking=one.blocking) for one in body.conditions
        ),
        conflict=body.conflict,
    )

    def act(connection: Connection) -> dict[str, Any]:
        standing = votes.cast(connection, proposal, ballot, by=voter, policy=desk.policy, now=desk.now())
        kept = votes.kept_for(connection, proposal)
        if standing.decision.passes:  # decided, so it is open to everyone
            told = schemas.standing_shown(standing)
        else:
            told = blind.step_told(voter, standing.proposal, kept, standing)
        return {"proposal": proposal, "state": standing.proposal.state, "decision": told}

    return json_response(await desk.write(act), 201)


@router.post("/deployments/{guidance}/suspend")
async def suspend(guidance: str, request: Request, desk: DeskDep, stopper: Stopper) -> Response:
    """Stop every running release of a guidance, one of them, or what speaks at one site, at once."""
    raw = await read_body(request)
    body = decode(schemas.SUSPEND, raw) if raw else schemas.SuspendBody()
    if body.site and body.release:
        raise BadInput("a release and a site at once", place="site", remedy="Stop the one, then the other")

    def act(connection: Connection) -> list[str]:
        if body.site:
            return stop_at(connection, guidance, body.site, by=stopper, reason=body.reason, now=desk.now())
        return stop(connection, guidance, release=body.release, by=stopper, reason=body.reason, now=desk.now())

    stopped = await desk.write(act)
    return json_response({"guidance": guidance, "state": "suspended", "stopped": stopped})


@router.get("/releases/{digest}")
async def release(digest: str, desk: DeskDep, _runner: Runner) -> Response:
    """The packed release of that digest."""
    data = await desk.read(lambda connection: proposals.release_bytes(connection, digest))
    return Response(data, media_type=ZIP, headers=FOREVER)


@router.get("/evidence/{digest}")
async def evidence(digest: str, desk: DeskDep, _runner: Runner) -> Response:
    """The packed evidence of that digest."""
    data = await desk.read(lambda connection: proposals.evidence_bytes(connection, digest))
    return Response(data, media_type=ZIP, headers=FOREVER)


@router.get("/guidance")
async def list_guidance(desk: DeskDep, reader: Reader) -> Response:
    """What there is, in which stage, how far its votes are, and what came back of it."""
    shown = await desk.read(lambda connection: overview.all_guidance(connection, reader, desk.policy, desk.now()))
    return json_response({"policy": desk.policy.name, "guidance": shown})


@router.get("/ledger")
async def read_ledger(
    desk: DeskDep,
    reader: Reader,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
) -> Response:
    """Entries after a number, the head, and the signed daily heads; votes on an open step only as far as one is told."""

    def ask(connection: Connection) -> dict[str, Any]:
        head, withheld = ledger.head(connection), blind.withheld_from(connection, reader)
        found = ledger.entries(connection, after=after, limit=limit)
        return {
            "head": {"number": head.number, "hash": head.hash},
            "entries": [blind.entry_told(entry, withheld) for entry in found],
            "signed_heads": ledger.signed_heads(connection),
        }

    return json_response(await desk.read(ask))


@router.post("/reports")
async def report(request: Request, desk: DeskDep, reporter: Reporter) -> Response:
    """Keep counts of a service; never patient data."""
    body = decode(schemas.REPORT, await read_body(request))
    await desk.note(lambda connection: feed.keep_reports(connection, body.aggregates, by=reporter, now=desk.now()))
    return json_response({"kept": len(body.aggregates)})


@router.post("/acknowledgements")
async def acknowledge(request: Request, desk: DeskDep, reporter: Reporter) -> Response:
    """Keep which stage each worker is in."""
    body = decode(schemas.ACKNOWLEDGEMENT, await read_body(request))
    await desk.note(
        lambda connection: feed.keep_acknowledgements(connection, body.acknowledgements, by=reporter, now=desk.now())
    )
    return json_response({"kept": len(body.acknowledgements)})
