"""The shell of every page: one set of templates, one policy for what a browser may load, and what is stopped on top.

A page works without scripts; htmx only saves a reload where a page asks for it. Nothing is fetched from elsewhere, and
no page holds patient data.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from hashlib import sha256
from importlib.metadata import version
from importlib.resources import files
from typing import Any, Final

import jinja2
from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from services.guidance.errors import NotAuthenticated
from services.guidance.policies import Policy
from services.plumbing.error_answers import TITLE, status_of
from services.plumbing.logs import REQUEST_ID
from services.registry.console.done import said_on
from services.registry.console.nav import NAV
from services.registry.console.refused import typed_in
from services.registry.console.strip import Strip, strip_of
from services.registry.desk import Desk, desk_of
from services.registry.people.visitor import SignInNeeded, Visitor, sign_in_address
from services.registry.tables import instant_text
from services.timeline.errors import KnowdoError

PAGES: Final = files("services.registry.console") / "pages"
_FOLDERS: Final = (
    PAGES,
    files("services.registry.people") / "pages",
    files("services.registry.transparency") / "pages",
    files("services.registry.notices") / "pages",
)
CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with `no-referrer` a browser calls the origin of our own forms `null`
    "Cache-Control": "no-store",
}
_FOREVER: Final[Mapping[str, str]] = {**HEADERS, "Cache-Control": "public, max-age=31536000, immutable"}
GLYPHS: Final[Mapping[str, str]] = {
    "registered": "○", "development": "◔", "silent": "◐", "pilot": "◑", "general": "●", "suspended": "■",
    "retired": "✕", "meets": "✓", "does not meet": "✕", "cannot tell": "?",
}  # fmt: skip
_STATIC: Final = {
    name: (file.read_bytes(), kind)
    for name, file, kind in (
        ("style.css", PAGES / "style.css", "text/css"),
        ("icon.svg", PAGES / "icon.svg", "image/svg+xml"),
        ("htmx.min.js", PAGES / "vendor/htmx.min.js", "text/javascript"),
        ("password.js", files("services.registry.people") / "pages/password.js", "text/javascript"),
    )
}
_VERSIONS: Final = {name: sha256(content).hexdigest()[:12] for name, (content, _) in _STATIC.items()}

static: Final = APIRouter(include_in_schema=False)


class PageRoute(APIRoute):
    """A route whose refusals are pages too: a browser is told what failed and what to do, never a bare code.

    What was typed into a form is never lost by it. A caller that does not ask for HTML, and one that must first sign in
    and has typed nothing, get the answer of the API.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with its errors drawn."""
        handler = super().get_route_handler()

        async def drawn(request: Request) -> Response:
            try:
                return await handler(request)
            except SignInNeeded:
                if not (written := await typed_in(request)):
                    raise
                return await render(
                    "again.html.j2", request, None, status=401, sign_in=sign_in_address(request), written=written
                )
            except KnowdoError as error:
                if isinstance(error, NotAuthenticated) or "text/html" not in request.headers.get("accept", ""):
                    raise
                status, _ = status_of(error)
                return await render(
                    "error.html.j2", request, None, status=status, title=TITLE.get(status, "Error"), error=error,
                    request_id=REQUEST_ID.get(), written=await typed_in(request),
                )  # fmt: skip

        return drawn


def page_router() -> APIRouter:
    """A router for pages: outside the API's description, refusals drawn."""
    return APIRouter(include_in_schema=False, route_class=PageRoute)


async def render(
    page: str,
    request: Request,
    visitor: Visitor | None,
    *,
    status: int = 200,
    policy: Policy | None = None,
    **facts: Any,
) -> HTMLResponse:
    """A page in the shell. `visitor` is None where no account is needed; `policy` is the desk's unless another is told of.

    Templates extend `base.html.j2`, take the macros of `marks.html.j2`, and fill the blocks `title`, `main` and, where
    a page profits from htmx, `scripts`.
    """
    desk = desk_of(request)
    now = desk.now()
    strip = await desk.read(lambda connection: strip_of(connection, now, names=visitor is not None))
    return drawn(page, request, desk, visitor, strip=strip, status=status, policy=policy, **facts)


def drawn(
    page: str,
    request: Request,
    desk: Desk,
    visitor: Visitor | None = None,
    *,
    strip: Strip | None = None,
    status: int = 200,
    policy: Policy | None = None,
    **facts: Any,
) -> HTMLResponse:
    """The same without a look at the database: for the pages of signing in, which tell strangers nothing."""
    root: str = request.scope.get("root_path", "")
    text = TEMPLATES.get_template(page).render(
        root=root,
        here=request.url.path.removeprefix(root) or "/",
        nav=NAV if visitor is not None else (),
        visitor=visitor,
        strip=strip,
        policy=policy or desk.policy,
        as_of=instant_text(desk.now())[:16] + "Z",
        release=version("knowdo"),
        done=said_on(request) if status == 200 else "",
        versions=_VERSIONS,
        glyphs=GLYPHS,
        **facts,
    )
    return HTMLResponse(text, status, headers=dict(HEADERS))


@static.get("/static/{name}")
async def kept_file(name: str) -> Response:
    """The style sheet and the scripts, named with their digest and kept by the browser for good."""
    if name not in _STATIC:
        return Response(status_code=404, headers=dict(HEADERS))
    content, kind = _STATIC[name]
    return Response(content, media_type=kind, headers=dict(_FOREVER))


def _when(instant: str | datetime) -> str:
    """`2026-11-22 14:02`, in UTC."""
    text = instant if isinstance(instant, str) else instant_text(instant)
    return text[:16].replace("T", " ")


def _count(number: int) -> str:
    """`3,270`."""
    return f"{number:,}"


def _template(name: str) -> str | None:
    """The text of a template, the console's own first."""
    found = next((folder / name for folder in _FOLDERS if (folder / name).is_file()), None)
    return None if found is None else found.read_text(encoding="utf-8")


def _as_choice(value: str) -> tuple[str, str, str]:
    """A value as a choice of its own name."""
    return value, value, ""


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_template),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update({"when": _when, "count": _count, "as_choice": _as_choice})
    return environment


TEMPLATES: Final = _environment()
