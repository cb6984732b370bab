"""The first page: does anything need a person today? What waits for whoever looks, then where each guidance stands."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from services.guidance.lifecycle import Person
from services.guidance.policies import Policy
from services.guidance.words import console_wording as words
from services.guidance.words.memory_wording import told
from services.registry.console import standing, week
from services.registry.console.alerts_right import right_of
from services.registry.console.reader import Reader
from services.registry.console.shell import page_router, render
from services.registry.desk import DeskDep
from services.registry.waiting.everything import everything_open
from services.registry.waiting.tasks import RULES, tasks_of

router = page_router()


@router.get("/")
async def overview_page(request: Request, desk: DeskDep, visitor: Reader) -> Response:
    """What waits for this person, what speaks, and what changed."""
    now = desk.now()
    facts = await desk.read(lambda connection: _facts(connection, visitor.person, desk.policy, now))
    return await render("overview.html.j2", request, visitor, **facts)


def _facts(connection: Connection, person: Person, policy: Policy, now: datetime) -> dict[str, Any]:
    lines = standing.lines(connection, policy, now)
    found = everything_open(connection, policy, now, lines)
    of_release = {release: line.guidance.id for line in lines for release in line.versions}
    all_of_it = week.total(found.weeks)
    return {
        "tasks": tasks_of(person, found),
        "rules": RULES,
        "lines": lines,
        "weeks": found.weeks,
        "right": {line.guidance.id: right_of(connection, line.guidance, line.counts.release) for line in lines},
        "total": all_of_it,
        "cards_said": words.cards_of_week(shown=all_of_it.shown, calls=all_of_it.calls, days=all_of_it.days),
        "answers_said": words.answers_of_week(
            shown=all_of_it.shown, accepted=all_of_it.accepted, overridden=all_of_it.overridden
        ),
        "changed": [
            {
                **entry,
                "said": told(entry),
                "guidance": entry["detail"].get("guidance") or of_release.get(entry["subject"]),
            }
            for entry in week.changed(connection, person, now)
        ],
    }
