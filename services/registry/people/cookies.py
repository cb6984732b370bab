"""The registry's cookies: out of reach of scripts and of other sites. `__Host-` makes a browser refuse one from a neighbour's subdomain."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from services.registry.desk import desk_of


def is_secure(request: Request) -> bool:
    """Whether cookies travel by TLS only: always, but for a registry at a loopback address without it."""
    public = urlsplit(desk_of(request).issuer)
    return public.scheme == "https" or public.hostname not in {"localhost", "127.0.0.1", "::1"}


def cookie_name(request: Request) -> str:
    """The session's."""
    return _named(request, "session")


def before_name(request: Request) -> str:
    """Ties the sign-in form to the browser that asked for it, so that nobody signs another in as himself."""
    return _named(request, "before")


def half_name(request: Request) -> str:
    """That of a sign-in whose code is still to come."""
    return _named(request, "half")


def organisation_name(request: Request) -> str:
    """That of a sign-in that is at the organisation's provider."""
    return _named(request, "organisation")


def _named(request: Request, what: str) -> str:
    return f"{'__Host-' if is_secure(request) else ''}knowdo-{what}"


def keep_cookie(request: Request, answer: Response, name: str, value: str, *, seconds: int | None = None) -> None:
    """Set it: not readable by scripts, not sent along from other sites; without `seconds` until the browser is closed."""
    # Lax, not Strict: the way back from an organisation's provider is a link from another site.
    answer.set_cookie(name, value, max_age=seconds, path="/", secure=is_secure(request), httponly=True, samesite="lax")


def drop_cookie(request: Request, answer: Response, name: str) -> None:
    """Let the browser forget it."""
    answer.delete_cookie(name, path="/", secure=is_secure(request), httponly=True, samesite="lax")
