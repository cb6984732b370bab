"""One guidance: what it says, to whom, and how far it is trusted. Its releases, where it runs, its memory."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from services.figures.frame import Caption
from services.figures.lifecycle import Stage, lifecycle
from services.guidance.errors import NotFound
from services.guidance.lifecycle import ENTRY, State
from services.guidance.policies import Policy
from services.guidance.words import console_wording as words
from services.registry.console import standing
from services.registry.console.nav import TABS
from services.registry.console.reader import Reader
from services.registry.console.report import has_report
from services.registry.console.shell import GLYPHS, page_router, render
from services.registry.console.standing import Line
from services.registry.decisions import proposals
from services.registry.deployed import feed
from services.registry.desk import DeskDep
from services.registry.fhir.held import Place, hold
from services.registry.fhir.shelf import OF_A_RELEASE
from services.registry.memory.api import ask

router = page_router()
HISTORY: Final = 10
ARTEFACTS: Final = ("PlanDefinition", "ActivityDefinition", "Library", "Device", "DocumentReference", "Provenance")
LADDER: Final[tuple[State, ...]] = ("registered", "development", "silent", "pilot", "general")
OUTSIDE: Final[tuple[State, ...]] = ("suspended", "retired")


@router.get("/console/guidance")
async def guidance_list(request: Request, desk: DeskDep, visitor: Reader) -> Response:
    """Every guidance, with the question it answers."""
    lines = await desk.read(lambda connection: standing.lines(connection, desk.policy, desk.now()))
    return await render("guidance_list.html.j2", request, visitor, lines=lines)


@router.get("/console/guidance/{guidance}")
async def guidance_page(guidance: str, request: Request, desk: DeskDep, visitor: Reader) -> Response:
    """One guidance; 404 if none is called that."""
    place = Place(issuer=desk.issuer, demo=desk.policy.name == "demo")
    facts = await desk.read(lambda connection: _facts(connection, guidance, desk.policy, place, desk.now()))
    history = await ask(desk, guidance=guidance, viewer=visitor.person, limit=HISTORY)
    tabs = [(tab.name, tab.path.format(guidance=guidance)) for tab in TABS]
    return await render("guidance.html.j2", request, visitor, tabs=tabs, history=history.lines, **facts)


def known_releases(connection: Connection, guidance: str) -> list[proposals.Proposal]:
    """The proposals of a guidance, the newest first; NotFound if there is none."""
    known = proposals.every(connection, guidance=guidance)
    if not known:
        raise NotFound("no guidance is called that here", place=guidance[:80], remedy="Choose one from the list")
    return known


def picture(line: Line) -> Any:
    """The ladder of stages, and where the release that counts stands."""
    state = line.counts.state
    return lifecycle(
        Caption(
            key="lifecycle",
            message=words.stands_in(line.version, state),
            measure="Each step needs a distinct person in every role named, and a gate of checked facts",
            source="the rules of this registry",
            desc=f"Five stages from registered to general, with suspended and retired beside them; {state} is marked.",
        ),
        [_stage(one, state) for one in LADDER],
        [_stage(one, state) for one in OUTSIDE],
    )


def _facts(connection: Connection, guidance: str, policy: Policy, place: Place, now: datetime) -> dict[str, Any]:
    known = known_releases(connection, guidance)
    line = standing.line_of(connection, known, policy, now)
    return {
        "line": line,
        "picture": picture(line),
        "reports": {one.release for one in known[: standing.MOST_WEIGHED] if has_report(connection, one.release)},
        "artefacts": _artefacts(connection, line, place),
        "workers": feed.workers(connection, guidance),
    }


def _artefacts(connection: Connection, line: Line, place: Place) -> list[tuple[str, str, str]]:
    """Type, name and address of each FHIR resource that the release that counts makes; votes are read in Review."""
    held = hold(connection, line.counts, place)
    return [
        (kind, str(made.get("title") or made.get("description") or made["id"]), f"{place.base}/{kind}/{made['id']}")
        for kind in ARTEFACTS
        for made in OF_A_RELEASE[kind](held)
    ]


def _stage(stage: State, here: State) -> Stage:
    rule = ENTRY[stage]
    if rule.any_one:
        agree = "any one person in a role that may stop"
    else:
        agree = ", ".join(sorted(rule.roles)) or "nobody: it is proposed"
    return Stage(name=stage, glyph=GLYPHS[stage], does=words.STAGE_DOES[stage], agree=agree, here=stage == here)
