"""What is said around a vote, by forms on the page of the review: questions, replies, and what closes them or a condition.

The rules are those of the API: who may ask, reply and close is decided there, and a refusal is a page that says why.
"""

from __future__ import annotations

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.registry.console import review as reviews
from services.registry.console.reader import Reader
from services.registry.console.shell import page_router
from services.registry.decisions import conditions, proposals, questions, votes
from services.registry.desk import DeskDep
from services.registry.people.pages import one_of
from services.registry.people.persons import must
from services.registry.people.visitor import checked_form, root_of

router = page_router()


@router.post("/console/review/{proposal}/{to}/ask")
async def ask(proposal: str, to: str, request: Request, desk: DeskDep, visitor: Reader) -> Response:
    """Put a question, in a role that votes."""
    must(visitor.person, "vote")
    fields = await checked_form(request, visitor)
    text, role, blocking = one_of(fields, "text"), one_of(fields, "role"), one_of(fields, "blocking") == "yes"

    def act(connection: Connection) -> None:
        known = proposals.must_get(connection, proposal, for_change=True)
        questions.ask(connection, known, text=text, role=role, blocking=blocking, by=visitor.person, now=desk.now())

    await desk.write(act)
    return _back(request, proposal, to)


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

    await desk.write(act)
    return _back(request, proposal, to)


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

    await desk.write(act)
    return _back(request, proposal, to)


def _back(request: Request, proposal: str, to: str) -> Response:
    return RedirectResponse(f"{root_of(request)}/console/review/{proposal}/{reviews.state_named(to)}#talk", 303)
