"""What is said around a vote, over HTTP: conditions that are closed, questions and replies, and the way back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from services.plumbing.web import decode, json_response, read_body
from services.registry.api import DeskDep, Proposer, Reader, Voter
from services.registry.decisions import blind, conditions, kept_votes, proposals, questions, rollbacks, votes

router: Final = APIRouter()
_PLAIN: Final = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
_Text = Annotated[str, msgspec.Meta(max_length=4000, pattern=_PLAIN)]
_Short = Annotated[str, msgspec.Meta(max_length=80, pattern=_PLAIN)]


class CloseBody(msgspec.Struct, forbid_unknown_fields=True):
    """How a condition was met, or a question answered."""

    how: _Text


class QuestionBody(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /proposals/{id}/questions`."""

    text: _Text
    role: _Short
    blocking: bool = False


class ReplyBody(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /proposals/{id}/questions/{number}/replies`."""

    text: _Text


class RollbackBody(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /proposals/{id}/rollback`: a release's digest, or `none`."""

    fallback: _Short
    reason: _Text


CLOSE: Final = msgspec.json.Decoder(CloseBody)
QUESTION: Final = msgspec.json.Decoder(QuestionBody)
REPLY: Final = msgspec.json.Decoder(ReplyBody)
ROLLBACK: Final = msgspec.json.Decoder(RollbackBody)


@router.post("/proposals/{proposal}/conditions/{number}/close")
async def close_condition(proposal: str, number: int, request: Request, desk: DeskDep, voter: Voter) -> Response:
    """Say that a condition is met; who set it may, and who holds the role that it names. A step that is complete is taken."""
    body = decode(CLOSE, await read_body(request))

    def act(connection: Connection) -> dict[str, Any]:
        known = proposals.must_get(connection, proposal, for_change=True)
        kept, every = kept_votes.kept_for(connection, known.id), conditions.of_proposal(connection, known.id)
        blind.must_be_told(voter, known, kept, every, number)
        closed = conditions.close(connection, known, number, how=body.how, by=voter, now=desk.now())
        now_is = votes.settle(connection, known.id, by=voter, policy=desk.policy, now=desk.now())
        return {"proposal": known.id, "state": now_is.state, "condition": asdict(closed)}

    return json_response(await desk.write(act))


@router.post("/proposals/{proposal}/questions")
async def ask(proposal: str, request: Request, desk: DeskDep, voter: Voter) -> Response:
    """Put a question in a role that votes."""
    body = decode(QUESTION, await read_body(request))

    def act(connection: Connection) -> dict[str, Any]:
        known = proposals.must_get(connection, proposal, for_change=True)
        made = questions.ask(
            connection, known, text=body.text, role=body.role, blocking=body.blocking, by=voter, now=desk.now()
        )
        return asdict(made)

    return json_response({"proposal": proposal, "question": await desk.write(act)}, 201)


@router.post("/proposals/{proposal}/questions/{number}/replies")
async def reply(proposal: str, number: int, request: Request, desk: DeskDep, reader: Reader) -> Response:
    """Answer a question; the author above all."""
    body = decode(REPLY, await read_body(request))

    def act(connection: Connection) -> dict[str, Any]:
        known = proposals.must_get(connection, proposal, for_change=True)
        return asdict(questions.reply(connection, known, number, text=body.text, by=reader, now=desk.now()))

    return json_response({"proposal": proposal, "question": await desk.write(act)}, 201)


@router.post("/proposals/{proposal}/questions/{number}/close")
async def close_question(proposal: str, number: int, request: Request, desk: DeskDep, voter: Voter) -> Response:
    """Say that a question is answered; who asked may, and who holds their role. A step that is complete is taken."""
    body = decode(CLOSE, await read_body(request))

    def act(connection: Connection) -> dict[str, Any]:
        known = proposals.must_get(connection, proposal, for_change=True)
        closed = questions.close(connection, known, number, how=body.how, by=voter, now=desk.now())
        now_is = votes.settle(connection, known.id, by=voter, policy=desk.policy, now=desk.now())
        return {"proposal": known.id, "state": now_is.state, "question": asdict(closed)}

    return json_response(await desk.write(act))


@router.post("/proposals/{proposal}/rollback")
async def declare_rollback(proposal: str, request: Request, desk: DeskDep, proposer: Proposer) -> Response:
    """Declare what speaks if the release must be taken back."""
    body = decode(ROLLBACK, await read_body(request))

    def act(connection: Connection) -> dict[str, Any]:
        known = proposals.must_get(connection, proposal, for_change=True)
        return asdict(
            rollbacks.declare(
                connection, known, fallback=body.fallback, reason=body.reason, by=proposer, now=desk.now()
            )
        )

    return json_response({"proposal": proposal, "rollback": await desk.write(act)}, 201)
