"""The same as `Your account` over HTTP: a person's own sessions, and what happened to how they sign in."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.guidance.errors import NotPermitted
from services.guidance.lifecycle import Person
from services.plumbing.web import json_response
from services.registry.desk import DeskDep
from services.registry.people import own_sessions, security_events, sessions
from services.registry.people.visitor import shown_token

router: Final = APIRouter()


@router.get("/me/sessions")
async def my_sessions(request: Request, desk: DeskDep) -> Response:
    """My sessions that stand: since when, when last used, in which browser."""
    person = await _reader(request)
    found = await desk.read(lambda connection: sessions.of(connection, person.name, now=desk.now()))
    shown = [{name: value for name, value in asdict(one).items() if name != "is_this"} for one in found]
    return json_response({"sessions": shown})


@router.delete("/me/sessions")
async def end_my_sessions(request: Request, desk: DeskDep) -> Response:
    """End all of them: signed out everywhere."""
    person = await _holder(request)
    ended = await desk.write(lambda connection: own_sessions.end_others(connection, person, now=desk.now()))
    return json_response({"ended": ended})


@router.delete("/me/sessions/{handle}")
async def end_my_session(handle: str, request: Request, desk: DeskDep) -> Response:
    """End one of them; 404 if it is not mine."""
    person = await _holder(request)
    await desk.write(lambda connection: own_sessions.end_one(connection, person, handle, now=desk.now()))
    return json_response({"ended": 1})


@router.get("/me/security-events")
async def my_security_events(request: Request, desk: DeskDep) -> Response:
    """What happened to how I sign in, the newest first."""
    person = await _reader(request)
    found = await desk.read(lambda connection: security_events.of(connection, person.name))
    return json_response({"events": [asdict(one) | {"said": one.said} for one in found]})


async def _reader(request: Request) -> Person:
    caller = await shown_token(request)
    caller.must("read")
    return caller.person


async def _holder(request: Request) -> Person:
    """Who may end sessions: the whole person, not a token that does less."""
    caller = await shown_token(request)
    caller.must("read")
    if caller.is_scoped or caller.person.is_service:
        raise NotPermitted(
            "a token with fewer scopes than its holder ends no sessions", place="scopes", remedy="Use the console"
        )
    return caller.person
