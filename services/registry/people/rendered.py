"""How the pages of signing in are made: in the shell of every page, which tells a stranger nothing of what runs."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from services.registry.console.shell import drawn
from services.registry.desk import Desk


def render(template: str, request: Request, desk: Desk, *, status: int = 200, **facts: Any) -> HTMLResponse:
    """One page."""
    return drawn(template, request, desk, status=status, **facts)
