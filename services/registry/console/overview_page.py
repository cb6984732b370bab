"""The first page: what may speak, and what waits for people."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from services.guidance.lifecycle import RUNNING
from services.registry.api import DeskDep
from services.registry.console import overview
from services.registry.console.shell import page_router, render
from services.registry.console.viewing import Viewer

router = page_router()


@router.get("/")
async def overview_page(request: Request, desk: DeskDep, viewer: Viewer) -> Response:
    """What may speak, and what waits for people."""
    guidance = await desk.read(lambda connection: overview.all_guidance(connection, desk.policy, desk.now()))
    return await render("overview.html.j2", request, viewer, guidance=guidance, running=RUNNING)
