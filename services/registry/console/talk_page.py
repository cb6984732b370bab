"""What is said around a vote, by forms on the page of the review: questions, replies, and what closes them or a condition.

The rules are those of the API: who may ask, reply and close is decided there. What is refused is said on the same page,
beside the words that were typed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.registry.console import review as reviews
from services.registry.console.done import Code, leads_to
from services.registry.console.reader import Reader
from services.registry.console.refused import said_of, status_within
from services.registry.console.review_page import review_form, review_in
from services.registry.console.shell import page_router
from services.registry.decisions import conditions, proposals, questions, votes
from services.registry.desk import Desk, DeskDep
from services.registry.people.pages import one_of
from services.registry.people.persons import must
from services.registry.people.visitor import Visitor, checked_form, root_of
from services.timeline.errors import KnowdoError

router = page_router()


@router.post("/console/review/{proposal}/{to}/ask")
async def ask(proposal: str, to: str, request: Request, desk: DeskDep, visitor: Reader) -> Response:
    """Put a question, in a role that votes."""
    must(visitor.person, "vote")
    fields = await checked_form(request, visitor)
    text, role, blocking = one_of(fields, "text"), one_of(fields, "role"), one_of(fields, "blocking")

    def act(connection: Connection) -> None:
        known = proposals.must_get(connection, proposal, for_change=True)
        questions.ask(
            connection, known, text=text, role=role, blocking=blocking == "yes", by=visitor.person, now=desk.now()
        )

    typed = {"question": text, "asked-as": role, "blocking": blocking}
    return await _done(request, desk, visitor, (proposal, to), act, "asked", typed)


@router.post("/console/review/{proposal}/{to}/questions/{number}")
async def answer(proposal: str, to: str, number: int, request: Request, desk: DeskDep, visitor: Reader) -> Response:
    """Reply to a question; with `close`, say that it is answered. A step that is complete then is taken."""
    fields = await checked_form(request, visitor)
    text, closes = one_of(fields, "text"), one_of(fields, "close") == "yes"
    if closes:
        must(visitor.person, "vote")

    def act(connection: Connection) -> None:
        known = proposals.must_get(connection, proposal, for_change=True)
        if closes:
            questions.close(connection, known, number, how=text, by=visitor.person, now=desk.now())
            votes.settle(connection, known.id, by=visitor.person, policy=desk.policy, now=desk.now())
        else:
            questions.reply(connection, known, number, text=text, by=visitor.person, now=desk.now())

    code: Code = "closed-question" if closes else "replied"
    return await _done(request, desk, visitor, (proposal, to), act, code, {f"answer-{number}": text})


@router.post("/console/review/{proposal}/{to}/conditions/{number}")
async def close_condition(
    proposal: str, to: str, number: int, request: Request, desk: DeskDep, visitor: Reader
) -> Response:
    """Say that a condition is met, and which evidence shows it. A step that is complete then is taken."""
    must(visitor.person, "vote")
    fields = await checked_form(request, visitor)
    how, shown_by = one_of(fields, "how").strip(), one_of(fields, "evidence")

    def act(connection: Connection) -> None:
        known = proposals.must_get(connection, proposal, for_change=True)
        filed = {one.digest for one in proposals.filed_for(connection, known.release)}
        said = f"{how} (evidence {shown_by})" if how and shown_by in filed else how
        conditions.close(connection, known, number, how=said, by=visitor.person, now=desk.now())
        votes.settle(connection, known.id, by=visitor.person, policy=desk.policy, now=desk.now())

    typed = {f"how-{number}": how, f"evidence-{number}": shown_by}
    return await _done(request, desk, visitor, (proposal, to), act, "closed-condition", typed)


@router.get("/console/review/{proposal}/{to}/ask")
@router.get("/console/review/{proposal}/{to}/questions/{number}")
@router.get("/console/review/{proposal}/{to}/conditions/{number}")
async def back(proposal: str, to: str, request: Request, _visitor: Reader) -> Response:
    """The page of these forms, for who signs in again on the way."""
    return RedirectResponse(f"{root_of(request)}/console/review/{proposal}/{reviews.state_named(to)}#talk", 303)


async def _done(
    request: Request,
    desk: Desk,
    visitor: Visitor,
    step: tuple[str, str],
    act: Callable[[Connection], None],
    code: Code,
    typed: Mapping[str, str],
) -> Response:
    """Back to the review once it is done; else the review with what is wrong at the first control of `typed`."""
    proposal, to = step[0], reviews.state_named(step[1])
    try:
        await desk.write(act)
    except KnowdoError as fault:
        status, field = status_within(fault), next(iter(typed))
        found = await review_in(desk, proposal, to, visitor)
        return await review_form(request, visitor, found, faults=[(field, said_of(fault))], typed=typed, status=status)
    return leads_to(request, f"/console/review/{proposal}/{to}", code, part="talk")
