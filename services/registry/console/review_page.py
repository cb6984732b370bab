"""Review: should this exact release take this step? The evidence first, then the vote, then the answers once more.

Nothing is chosen beforehand, nothing needs a script, and what was written is never lost: a session that has ended, or
a release about which something changed meanwhile, shows the text again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.registry.console import review as reviews
from services.registry.console.reader import Reader
from services.registry.console.refused import Faults, said_of, status_within, written_in
from services.registry.console.review import CHOICES, SAID, Review
from services.registry.console.shell import page_router, render
from services.registry.decisions import votes
from services.registry.desk import Desk, DeskDep
from services.registry.people.persons import must
from services.registry.people.visitor import Visitor, checked_form, root_of
from services.timeline.errors import KnowdoError

router = page_router()
SURE: Final = "sure"
CHANGE: Final = "change"


@router.get("/console/review/{proposal}/{to}")
async def review_page(proposal: str, to: str, request: Request, desk: DeskDep, visitor: Reader) -> Response:
    """What is asked, what the evidence says, who must agree, and the form."""
    found = await review_in(desk, proposal, to, visitor)
    return await review_form(request, visitor, found)


@router.post("/console/review/{proposal}/{to}")
async def answer(proposal: str, to: str, request: Request, desk: DeskDep, visitor: Reader) -> Response:
    """The answers once more; with `sure`, the vote is cast."""
    must(visitor.person, "vote")
    fields = await checked_form(request, visitor)
    found = await review_in(desk, proposal, to, visitor)
    if fields.get("stamp", [""])[0] != found.stamp:
        return await review_form(
            request,
            visitor,
            found,
            fields,
            [("vote-form", "Something changed while you read: read it again")],
            status=409,
        )
    ballot, faults = reviews.ballot_of(found, fields)
    if CHANGE in fields:
        return await review_form(request, visitor, found, fields)
    if ballot is None:
        return await review_form(request, visitor, found, fields, faults, status=400)
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
        status_within(fault)
        return await review_form(request, visitor, found, fields, [("vote-form", said_of(fault))], status=409)
    return RedirectResponse(f"{root_of(request)}/console/review/{proposal}/{to}/recorded", 303)


@router.get("/console/review/{proposal}/{to}/recorded")
async def recorded(proposal: str, to: str, request: Request, desk: DeskDep, visitor: Reader) -> Response:
    """What the vote did."""
    found = await review_in(desk, proposal, to, visitor)
    return await render(
        "review_done.html.j2", request, visitor, found=found, moved=found.proposal.state == to and found.mine is None
    )


async def review_in(desk: Desk, proposal: str, to: str, visitor: Visitor) -> Review:
    """The review as this visitor sees it."""
    state, now = reviews.state_named(to), desk.now()
    return await desk.read(
        lambda connection: reviews.review_of(
            connection, proposal, state, person=visitor.person, policy=desk.policy, now=now
        )
    )


async def review_form(
    request: Request,
    visitor: Visitor,
    found: Review,
    fields: Mapping[str, Sequence[str]] | None = None,
    faults: Faults = (),
    *,
    typed: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    """The page. `fields`: what was written into the vote; `typed`: into a form of the talk around it, by id of its control."""
    return await render(
        "review.html.j2", request, visitor, status=status, found=found, choices=_choices(found), said=SAID,
        fields=fields or {}, typed=typed or {}, faults=faults, wrong=dict(faults), read_only=visitor.via == "demo",
        written=_left_over(found, visitor, fields or {}, typed or {}),
    )  # fmt: skip


def _left_over(
    found: Review, visitor: Visitor, fields: Mapping[str, Sequence[str]], typed: Mapping[str, str]
) -> list[tuple[str, str]]:
    """The words that were typed into a form that the page no longer has: a question that was closed meanwhile, a vote."""
    if found.roles and not typed:
        return []
    shown = {"question"} if found.roles else set()
    shown |= {f"answer-{one.number}" for one in found.questions if one.is_open}
    shown |= {f"how-{one.number}" for one in found.conditions if found.may_close(visitor.person, one)}
    gone = {
        "how" if name.startswith("how-") else "text": [text]
        for name, text in typed.items()
        if name not in shown and name.startswith(("question", "answer-", "how-"))
    }
    return written_in(gone if typed else fields)


def _choices(found: Review) -> list[tuple[str, str, str]]:
    spoken = found.mine is not None and found.mine.vote != "withdraw"
    return [one for one in CHOICES if one[0] != "withdraw" or spoken]
