"""Where is it on, and how do I turn it off now? Two clicks, no script, no typed phrase, no quorum: one person is enough.

Starting again is not here: it takes the quorum, by Review. Afterwards the page says which worker has confirmed the
stop, and says loudly if one has not within ten seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Query
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.guidance.definition import Guidance
from services.guidance.lifecycle import RUNNING, Person, may_stop
from services.guidance.words.stopping import CONFIRMED_WITHIN, stop_confirmed
from services.registry.console import standing
from services.registry.console.done import leads_to
from services.registry.console.guidance_page import known_releases
from services.registry.console.reader import Reader
from services.registry.console.refused import said_of, status_within
from services.registry.console.shell import page_router, render
from services.registry.console.standing import Line
from services.registry.decisions import gates, proposals
from services.registry.deployed import deployments, placing, reasons, stops, workers
from services.registry.deployed.site_stops import stop_at
from services.registry.deployed.workers import Confirmation
from services.registry.desk import Desk, DeskDep
from services.registry.memory.api import ask
from services.registry.memory.search import Found
from services.registry.people.visitor import checked_form, root_of
from services.timeline.errors import KnowdoError

router = page_router()
LAST: Final = 10
REASONS: Final[tuple[tuple[str, str, str], ...]] = (
    ("it may harm a patient", "It may harm a patient", ""),
    ("its data are wrong or missing", "Its data are wrong or missing", ""),
    ("there are too many alerts", "There are too many alerts", ""),
    ("a drill", "A drill", ""),
    ("", "I give the reason later", "Within 24 hours"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One guidance that runs or has run, and where."""

    line: Line
    confirmation: Confirmation | None

    @property
    def runs(self) -> bool:
        """Whether there is anything to stop."""
        return any(one.state in RUNNING for one in self.line.proposals)


@router.get("/console/deploy")
async def where_it_is_on(request: Request, desk: DeskDep, visitor: Reader) -> Response:
    """Every guidance that runs, and the button that ends it."""
    places = await desk.read(lambda connection: _places(connection, desk))
    return await render(
        "deploy.html.j2", request, visitor, places=places, stops=await _stops(desk), may=may_stop(visitor.person)
    )


@router.get("/console/deploy/{guidance}")
async def one_place(guidance: str, request: Request, desk: DeskDep, visitor: Reader) -> Response:
    """Where one guidance is on, what is confirmed, what the next stage would show, and the last steps and stops."""
    facts = await desk.read(lambda connection: _one(connection, guidance, desk, visitor.person))
    return await render(
        "deploy_one.html.j2", request, visitor, stops=await _stops(desk, guidance), typed="", wrong="", **facts
    )


@router.get("/console/deploy/{guidance}/stop")
async def stop_page(
    guidance: str,
    request: Request,
    desk: DeskDep,
    visitor: Reader,
    release: Annotated[str, Query(max_length=80)] = "",
    site: Annotated[str, Query(max_length=80)] = "",
) -> Response:
    """The second click: what will be stopped, all of it or one release or one site, and why, if there is time to say so."""
    facts = await desk.read(lambda connection: _one(connection, guidance, desk, visitor.person))
    return await render(
        "stop.html.j2", request, visitor, reasons=REASONS, only=release, site=site, chosen="", typed="", wrong="",
        **facts,
    )  # fmt: skip


@router.post("/console/deploy/{guidance}/stop")
async def stop_now(guidance: str, request: Request, desk: DeskDep, visitor: Reader) -> Response:
    """Stop it; whether there was anything to stop is said on the page that follows."""
    fields = await checked_form(request, visitor)
    chosen, written = fields.get("reason", [""])[0], fields.get("words", [""])[0].strip()
    reason = ": ".join(part for part in (chosen[:200], written[:2000]) if part)
    release, site = fields.get("release", [""])[0], fields.get("site", [""])[0]

    def act(connection: Connection) -> list[str]:
        if site:
            return stop_at(connection, guidance, site, by=visitor.person, reason=reason, now=desk.now())
        return stops.stop(connection, guidance, release=release, by=visitor.person, reason=reason, now=desk.now())

    try:
        stopped = await desk.write(act)
    except KnowdoError as fault:
        status = status_within(fault)
        facts = await desk.read(lambda connection: _one(connection, guidance, desk, visitor.person))
        return await render(
            "stop.html.j2", request, visitor, status=status, reasons=REASONS, only=release, site=site,
            chosen=chosen, typed=written, wrong=said_of(fault), **facts,
        )  # fmt: skip
    page = f"/console/deploy/{guidance}"
    if not stopped:
        return leads_to(request, page, "stood-still")
    if site or release:
        return leads_to(request, page, "stopped-site" if site else "stopped-release")
    return RedirectResponse(f"{root_of(request)}{page}", 303)  # the page itself says who has confirmed it


@router.post("/console/deploy/{guidance}/reason")
async def give_reason(guidance: str, request: Request, desk: DeskDep, visitor: Reader) -> Response:
    """The reason that a stop owes, from whoever may stop."""
    words = (await checked_form(request, visitor)).get("reason", [""])[0]
    try:
        await desk.write(
            lambda connection: reasons.give(connection, guidance, words, by=visitor.person, now=desk.now())
        )
    except KnowdoError as fault:
        status = status_within(fault)
        facts = await desk.read(lambda connection: _one(connection, guidance, desk, visitor.person))
        return await render(
            "deploy_one.html.j2", request, visitor, status=status, stops=await _stops(desk, guidance),
            typed=words, wrong=said_of(fault), **facts,
        )  # fmt: skip
    return leads_to(request, f"/console/deploy/{guidance}", "reason")


@router.get("/console/deploy/{guidance}/reason")
async def back(guidance: str, request: Request, _visitor: Reader) -> Response:
    """The page of this form, for who signs in again on the way."""
    return RedirectResponse(f"{root_of(request)}/console/deploy/{guidance}#owed", 303)


def _places(connection: Connection, desk: Desk) -> list[Place]:
    lines = standing.lines(connection, desk.policy, desk.now())
    return [Place(line=line, confirmation=_confirmation(connection, line, desk)) for line in lines if line.deployment]


def _one(connection: Connection, guidance: str, desk: Desk, person: Person) -> dict[str, Any]:
    now = desk.now()
    line = standing.line_of(connection, known_releases(connection, guidance), desk.policy, now)
    place = Place(line=line, confirmation=_confirmation(connection, line, desk))
    return {
        "place": place,
        "line": line,
        "may": may_stop(person),
        "said": _said(place.confirmation, now),
        "preview": _preview(connection, line),
        "runs": [one for one in deployments.of_guidance(connection, guidance) if one.stage in RUNNING],
        "mine": {one.release for one in line.proposals if placing.may_decide(person, one)},
        "everybody": deployments.ALL,
        "owing": [one for one in reasons.due(connection, now) if one.guidance == line.guidance.id],
    }


def _confirmation(connection: Connection, line: Line, desk: Desk) -> Confirmation | None:
    """Who has confirmed how it stands now; None before it ever ran."""
    if line.deployment is None:
        return None
    return workers.confirmation(connection, line.guidance.id, now=desk.now(), longest=desk.longest_lease)


def _said(found: Confirmation | None, now: datetime) -> tuple[str, str]:
    """(kind, sentence) about the last stop: `confirmed`, `waiting` or `not confirmed`; empty if it runs or never ran."""
    if found is None or found.runs:
        return "", ""
    if found.is_complete:
        last = max((one.confirmed_at for one in found.workers if one.confirmed_at is not None), default=None)
        return "confirmed", stop_confirmed(found.changed_at, len(found.workers), last)
    if (now - found.changed_at).total_seconds() < CONFIRMED_WITHIN:
        return (
            "waiting",
            f"Stop asked; {len(found.missing)} of {len(found.workers)} workers have not confirmed yet. Refresh.",
        )
    names = ", ".join(one.worker for one in found.missing)
    until = max(one.may_speak_until for one in found.missing)
    return (
        "not confirmed",
        f"NOT CONFIRMED by {names}. This guidance may still be shown there until {until:%H:%M} UTC at the latest. "
        "Stop those processes by hand, or tell the staff there.",
    )


def _preview(connection: Connection, line: Line) -> str:
    """How many cards the next stage would show, from the silent month; why not, where there was none."""
    guidance: Guidance = line.guidance
    pack = proposals.latest_packs(connection, line.counts.release).get("silent")
    if pack is None:
        return "There is no silent month of this release yet, so nobody knows how many cards it would show."
    month = gates.read_silent(pack)
    rate, budget = month.alert_rate, guidance.policy.alert_budget
    days = max((datetime.fromisoformat(month.until) - datetime.fromisoformat(month.since)).days, 1)
    return (
        f"In its silent month it would have shown a card on {rate.value * 100:.0f} ({rate.ci[0] * 100:.0f} to "
        f"{rate.ci[1] * 100:.0f}) of 100 calls: about {rate.value * month.decisions / days:.1f} a day, of "
        f"{month.decisions:,} calls in {days} days. Agreed are at most {budget * 100:.0f} of 100."
    )


async def _stops(desk: Desk, guidance: str = "") -> list[Found]:
    """The last steps and stops, the newest first."""
    found = [
        line
        for kind in ("stop", "decision")
        for line in (await ask(desk, guidance=guidance, kind=kind, limit=LAST)).lines
    ]
    return sorted(found, key=lambda line: (line.at, line.number), reverse=True)[:LAST]
