"""The memory: why did we decide this, and what have we learnt since? A search whose address can be shared, and the proof.

Nothing here can be edited or deleted; a correction is a new line that points back.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Query
from sqlalchemy import Connection, select
from starlette.requests import Request
from starlette.responses import Response

from services.guidance.words.memory_wording import KINDS
from services.registry.console.reader import Reader
from services.registry.console.shell import page_router, render
from services.registry.desk import DeskDep
from services.registry.memory import ledger
from services.registry.memory.api import ask
from services.registry.memory.search import LONGEST_QUESTION, PAGE
from services.registry.memory.witnesses import prove_here
from services.registry.tables import daily_heads, proposals

router = page_router()
HEADS: Final = 14  # daily heads that are listed; the export holds all


@router.get("/console/memory")
async def memory_page(
    request: Request,
    desk: DeskDep,
    visitor: Reader,
    words: Annotated[str, Query(max_length=LONGEST_QUESTION)] = "",
    guidance: Annotated[str, Query(max_length=64)] = "",
    kind: Annotated[str, Query(max_length=20)] = "",
    before: Annotated[str, Query(max_length=12)] = "",
) -> Response:
    """What was found, or the newest lines; empty fields of the form ask for everything."""
    found = await ask(
        desk,
        words=words,
        guidance=guidance,
        kind=kind,
        viewer=visitor.person,
        before=int(before) if before.isdecimal() else None,
        limit=PAGE,
    )
    facts = await desk.read(_facts)
    return await render(
        "memory.html.j2", request, visitor,
        found=found, words=words, guidance=guidance, kind=kind, kinds=KINDS, at=desk.now(), longest=LONGEST_QUESTION, **facts,
    )  # fmt: skip


@router.get("/console/memory/proof")
async def proof_page(request: Request, desk: DeskDep, visitor: Reader) -> Response:
    """Walk the whole chain now, and say what was found."""
    found = await desk.read(lambda connection: prove_here(connection, desk.keys))
    return await render("proof.html.j2", request, visitor, found=found, at=desk.now())


def _facts(connection: Connection) -> dict[str, Any]:
    heads = connection.execute(
        select(daily_heads.c.day, daily_heads.c.number).order_by(daily_heads.c.day.desc()).limit(HEADS)
    ).all()
    names = connection.execute(select(proposals.c.guidance).distinct().order_by(proposals.c.guidance)).scalars()
    return {"head": ledger.head(connection), "heads": heads, "guidances": list(names)}
