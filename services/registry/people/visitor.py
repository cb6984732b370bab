"""Who looks at a page: a person signed in with a session, a caller with a token, or, in demo mode, anyone who only reads.

Whoever is none of these is led to the sign-in page if it is a browser, else told 401. Every form of a page carries the
session's CSRF token, and `checked_form` is the only way to read one.
"""

from __future__ import annotations

import hmac
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal
from urllib.parse import parse_qsl, quote, urlsplit

from fastapi import Depends
from starlette.exceptions import HTTPException
from starlette.requests import Request

from services.guidance.errors import NotAuthenticated, NotPermitted
from services.guidance.lifecycle import Person
from services.plumbing.web import read_body
from services.registry.desk import desk_of
from services.registry.people import api_tokens, sessions
from services.registry.people.api_tokens import Caller
from services.registry.people.cookies import cookie_name
from services.registry.people.limits import count_write
from services.registry.people.second_factor import Rule
from services.timeline.errors import BadInput

LARGEST_FORM: Final = 256 * 1024
MOST_FIELDS: Final = 1000
CSRF: Final = "csrf"
TYPED: Final = "knowdo.form"
"""Where a request keeps the fields that were read, so that a refusal can give them back."""
FORM: Final = "application/x-www-form-urlencoded"
Must = Literal["password", "factor"]
DEMO_VISITOR: Final = Person(name="Visitor of the demonstration", roles=frozenset())


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who asks for a page, and what makes their forms good."""

    person: Person
    csrf: str
    """Goes into every form as the hidden field `csrf`."""
    via: Literal["session", "token", "demo"]
    """`demo`: the open console of demo mode; it may only read."""


class SignInNeeded(HTTPException):
    """A browser without a session: 303 to the sign-in page, which leads back to where it came from."""

    def __init__(self, request: Request) -> None:
        super().__init__(303, "Sign in first", headers={"Location": sign_in_address(request)})


class FirstNeeded(HTTPException):
    """Signed in, but something must be done before anything else: 303 to the page where it is done."""

    def __init__(self, request: Request, must: Must) -> None:
        where = {"password": "/password", "factor": "/account/second-factor"}[must]
        super().__init__(303, f"First needed: {must}", headers={"Location": root_of(request) + where})


async def visitor(request: Request) -> Visitor:
    """Who asks. SignInNeeded for a browser without a session, NotAuthenticated for anything else unknown."""
    found, must = await visitor_or_none(request)
    if found is None:
        if takes_pages(request):
            raise SignInNeeded(request)
        raise NotAuthenticated("neither session nor token")
    if must is not None:
        if takes_pages(request):
            raise FirstNeeded(request, must)
        said = "the password must be changed" if must == "password" else "a second factor must be added"
        raise NotPermitted(f"{said} first", place=must, remedy="Sign in with a browser")
    return found


async def visitor_or_none(request: Request) -> tuple[Visitor | None, Must | None]:
    """Who asks, None if nobody known, and what they must change or add before anything else."""
    desk = desk_of(request)
    demo: bool = request.app.state.open_console
    identifier = request.cookies.get(cookie_name(request), "")
    if identifier:
        now = desk.now()
        session = await desk.read(lambda connection: sessions.find(connection, identifier, now=now, demo=demo))
        if session is not None:
            if session.is_due:
                await desk.note(lambda connection: sessions.touch(connection, identifier, now=now))
            await note_who(request, session.person)
            seen = Visitor(person=session.person, csrf=sessions.csrf_of(identifier), via="session")
            rule: Rule = request.app.state.second_factor
            needs_factor = not session.has_factor and rule.is_due(session.person)
            return seen, "password" if session.must_change else "factor" if needs_factor else None
    if "authorization" in request.headers:
        caller = await shown_token(request)
        caller.must("read")
        if caller.is_scoped and request.method not in {"GET", "HEAD"}:
            raise NotPermitted(
                "a token with fewer scopes than its holder sends no forms", place="scopes", remedy="Use the API"
            )
        return Visitor(person=caller.person, csrf="", via="token"), None
    if demo:
        return Visitor(person=DEMO_VISITOR, csrf="", via="demo"), None
    return None, None


VisitorDep = Annotated[Visitor, Depends(visitor)]


async def checked_form(request: Request, visitor: Visitor) -> Mapping[str, list[str]]:
    """The fields of a form, in NFC, without `csrf`; NotPermitted unless it was sent by one of this visitor's own pages.

    A token is shown by no browser of its own accord, so a caller with one needs no `csrf`.
    """
    if visitor.via == "demo":
        raise NotPermitted(
            "the open console of demo mode only reads", place="session", remedy="Sign in as one of the demo persons"
        )
    check_origin(request)
    fields = await read_form(request)
    given = fields.pop(CSRF, [])
    if visitor.via == "session" and not (
        len(given) == 1 and hmac.compare_digest(given[0].encode("utf-8"), visitor.csrf.encode())
    ):
        raise NotPermitted(
            "this form does not belong to your session", place=CSRF, remedy="Open the page again and send it from there"
        )
    return fields


async def read_form(request: Request) -> dict[str, list[str]]:
    """The fields of a urlencoded body, as text in NFC; BadInput if it is something else or holds control characters."""
    fields: dict[str, list[str]] = {}
    request.scope[TYPED] = fields
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != FORM:
        raise BadInput("not a form", place="Content-Type", remedy=f"Send `{FORM}`")
    raw = await read_body(request, limit=LARGEST_FORM)
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as fault:  # not ASCII, not UTF-8 once decoded, or too many fields
        raise BadInput("not a form that can be read", place="body", remedy="Send it from the page") from fault
    strange = False
    for name, value in pairs:
        plain = unicodedata.normalize("NFC", value).replace("\r\n", "\n")
        fields.setdefault(_printable(unicodedata.normalize("NFC", name)), []).append(_printable(plain))
        # PostgreSQL takes no NUL, and no person types the others.
        strange = strange or _printable(name + plain) != name + plain
    if strange:
        raise BadInput("a field holds control characters", place="body", remedy="Read the text, and send it again")
    return fields


def _printable(text: str) -> str:
    """The text without control characters, but for line breaks and tabs."""
    return "".join(letter for letter in text if letter in "\n\t" or unicodedata.category(letter) != "Cc")


def check_origin(request: Request) -> None:
    """NotPermitted if a browser says that the request comes from a page that is not ours.

    `Origin: null` is also what a browser says of our own pages when they send no referrer; then `Sec-Fetch-Site` decides.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    public = urlsplit(desk_of(request).issuer)
    ours = {f"{public.scheme}://{public.netloc}", f"{request.url.scheme}://{request.headers.get('host', '')}"}
    foreign = origin is not None and origin not in ours and not (origin == "null" and site == "same-origin")
    if foreign or site not in {None, "same-origin", "none"}:
        raise NotPermitted(
            "the form was sent from another site", place="Origin", remedy="Open the page here and send it from there"
        )


async def shown_token(request: Request) -> Caller:
    """Whose bearer token the request shows, and what it may do; NotAuthenticated if nobody's."""
    desk, token = desk_of(request), bearer(request)
    now = desk.now()
    caller = await desk.read(lambda connection: api_tokens.identify(connection, token, now=now))
    await note_who(request, caller.person)
    if caller.is_due:
        await desk.note(lambda connection: api_tokens.used(connection, caller, now=now))
    return caller


def bearer(request: Request) -> str:
    """The bearer token of a request."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotAuthenticated("no bearer token")
    return token.strip()


async def note_who(request: Request, person: Person) -> None:
    """Let the record of accesses know whose this one is; TooMany if they write too much."""
    request.scope["knowdo.who"] = person.name
    await count_write(request, person.name)


def takes_pages(request: Request) -> bool:
    """Whether a browser asks."""
    return "text/html" in request.headers.get("accept", "")


def root_of(request: Request) -> str:
    """Where the registry is mounted; empty at the top."""
    return str(request.scope.get("root_path", ""))


def sign_in_address(request: Request) -> str:
    """The sign-in page, which leads back here; after a form was sent, to the page that held it."""
    target = request.url.path
    if request.method in {"GET", "HEAD"} and request.url.query:
        target += f"?{request.url.query}"
    return f"{root_of(request)}/sign-in?next={quote(target, safe='')}"


def safe_next(request: Request, asked: str) -> str:
    """Where to go after signing in: a path of this registry, else its first page; never another site."""
    root = root_of(request)
    plain = asked.isascii() and asked.isprintable() and "\\" not in asked and " " not in asked
    inside = asked.startswith(f"{root}/") and not asked.startswith("//") and ".." not in asked
    return asked if plain and inside and not asked.startswith(f"{root}/sign-in") else f"{root}/"
