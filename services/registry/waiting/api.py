"""What waits for whoever asks, over HTTP: the same list as on the overview. It translates; it decides nothing."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.plumbing.web import json_response
from services.registry.desk import DeskDep
from services.registry.people.visitor import shown_token
from services.registry.tables import instant_text
from services.registry.waiting.everything import everything_open
from services.registry.waiting.tasks import RULES, tasks_of

router: Final = APIRouter()


@router.get("/tasks")
async def my_tasks(request: Request, desk: DeskDep) -> Response:
    """What waits for me, the most pressing first, where it is done, and the rules by which it was looked for."""
    caller = await shown_token(request)
    caller.must("read")
    now = desk.now()
    found = await desk.read(lambda connection: everything_open(connection, desk.policy, now))
    tasks = [
        {
            "kind": one.kind,
            "about": one.about,
            "guidance": one.guidance,
            "said": one.said,
            "link": desk.issuer.rstrip("/") + one.path,
        }
        for one in tasks_of(caller.person, found)
    ]
    return json_response({"as_of": instant_text(now), "rules": list(RULES), "tasks": tasks})
