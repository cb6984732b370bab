"""How the pages of signing in are made: the registry's own base page, strict headers, nothing kept by the browser."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Final

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse

from services.registry.console.evidence_page import GLYPHS, HEADERS
from services.registry.console.evidence_page import PAGES as BASE_PAGES
from services.registry.desk import Desk
from services.registry.tables import instant_text

_PAGES: Final = files("services.registry.people") / "pages"


def _load(name: str) -> str | None:
    for folder in (_PAGES, BASE_PAGES):
        if (folder / name).is_file():
            return (folder / name).read_text(encoding="utf-8")
    return None


_TEMPLATES: Final = jinja2.Environment(
    loader=jinja2.FunctionLoader(_load),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(template: str, request: Request, desk: Desk, *, status: int = 200, **facts: Any) -> HTMLResponse:
    """One page."""
    text = _TEMPLATES.get_template(template).render(
        root=request.scope.get("root_path", ""),
        policy=desk.policy,
        as_of=instant_text(desk.now())[:16] + "Z",
        glyphs=GLYPHS,
        **facts,
    )
    # With `no-referrer` a browser would call the origin of our own forms `null`.
    return HTMLResponse(text, status, headers={**HEADERS, "Referrer-Policy": "same-origin"})
