"""Review: should this exact release take this step? The evidence first, then the vote, then the answers once more.

Nothing is chosen beforehand, nothing needs a script, and what was written is never lost: a session that has ended, or
a release about which something changed meanwhile, shows the text again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.plumbing.error_answers import status_of
from services.registry.console import review as reviews
from services.registry.console.reader import Reader
from services.registry.console.review import CHOICES, SAID, Review
from services.registry.console.shell import page_router, render
from services.registry.decisions import votes
from services.registry.desk import Desk, DeskDep
from services.registry.people.persons import must
from services.registry.people.visitor import (
    FirstNeeded,
    Visitor,
    checked_form,
    read_form,
    root_of,
    sign_in_address,
    visitor_or_none,
)
from services.timeline.errors import KnowdoError

router = page_router()
SURE: Final = "sure"
CHANGE: Final = "change"
WRITTEN: Final = ("reason", "conditions", "conflict", "plan-")
"""Fields, or how their names begin, that hold a person's own words."""


@router.get("/console/review/{proposal}/{to}")
async def review_page(proposal: str, to: str, request: Request, desk: DeskDep, visitor: Reader) -> Response:
    """What is asked, what the evidence says, who must agree, and the form."""
    found = await _review(desk, proposal, to, visitor)
    return await _form(request, visitor, found)


@router.post("/console/review/{proposal}/{to}")
async def answer(proposal: str, to: str, request: Request, desk: DeskDep) -> Response:
    """The answers once more; with `sure`, the vote is cast."""
    visitor, must_first = await visitor_or_none(request)
    if visitor is None or visitor.via == "demo":
        return await _session_ended(request, visitor)
    if must_first is not None:
        raise FirstNeeded(request, must_first)
    must(visitor.person, "vote")
    fields = await checked_form(request, visitor)
    found = await _review(desk, proposal, to, visitor)
    if fields.get("stamp", [""])[0] != found.stamp:
        return await _form(
            request,
            visitor,
            found,
            fields,
            [("vote-form", "Something changed while you read: read it again")],
            status=409,
        )
    ballot, faults = reviews.ballot_of(found, fields)
    if CHANGE in fields:
        return await _form(request, visitor, found, fields)
    if ballot is None:
        return await _form(request, visitor, found, fields, faults, status=400)
    if SURE not in fields:
        return await render(
            "review_check.html.j2", request, visitor, found=found, ballot=ballot, fields=fields, said=SAID,
            effect=reviews.effect_of(found, ballot),
        )  # fmt: skip
    try:
        await desk.write(
            lambda connection: votes.cast(
                connection, proposal, ballot, by=visitor.person, policy=desk.policy, now=desk.now()
            )
        )
    except KnowdoError as fault:
        if status_of(fault)[0] >= 500:
            raise
        said = f"{fault.message}. {fault.remedy}" if fault.remedy else fault.message
        return await _form(request, visitor, found, fields, [("vote-form", said)], status=409)
    return RedirectResponse(f"{root_of(request)}/console/review/{proposal}/{to}/recorded", 303)


@router.get("/console/review/{proposal}/{to}/recorded")
async def recorded(proposal: str, to: str, request: Request, desk: DeskDep, visitor: Reader) -> Response:
    """What the vote did."""
    found = await _review(desk, proposal, to, visitor)
    return await render("review_done.html.j2", request, visitor, found=found, moved=found.proposal.state == to)


async def _review(desk: Desk, proposal: str, to: str, visitor: Visitor) -> Review:
    state, now = reviews.state_named(to), desk.now()
    return await desk.read(
        lambda connection: reviews.review_of(
            connection, proposal, state, person=visitor.person, policy=desk.policy, now=now
        )
    )


async def _form(
    request: Request,
    visitor: Visitor,
    found: Review,
    fields: Mapping[str, Sequence[str]] | None = None,
    faults: Sequence[tuple[str, str]] = (),
    *,
    status: int = 200,
) -> Response:
    return await render(
        "review.html.j2", request, visitor, status=status, found=found, choices=_choices(found), said=SAID,
        fields=fields or {}, faults=faults, wrong=dict(faults), read_only=visitor.via == "demo",
    )  # fmt: skip


def _choices(found: Review) -> list[tuple[str, str, str]]:
    spoken = found.mine is not None and found.mine.vote != "withdraw"
    return [one for one in CHOICES if one[0] != "withdraw" or spoken]


async def _session_ended(request: Request, visitor: Visitor | None) -> Response:
    """The text that was written, to be carried over: signing in makes another session, whose forms are others."""
    fields = await read_form(request)
    written = [(name, text) for name, texts in fields.items() if name.startswith(WRITTEN) for text in texts if text]
    return await render(
        "review_again.html.j2", request, visitor, status=401, sign_in=sign_in_address(request), written=written,
    )  # fmt: skip
