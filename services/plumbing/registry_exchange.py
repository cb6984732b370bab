"""One question to a registry and its answer: the token goes along, and what it refuses is raised as it was there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import httpx
import msgspec

from services.guidance.errors import NotAuthenticated, NotFound, NotPermitted, Refused, Unavailable
from services.plumbing.registry_tokens import GivenToken, Tokens
from services.timeline.errors import BadInput, KnowdoError

SECONDS: Final = 30.0  # a proposal of some MB is read, opened and checked before it is answered
T = TypeVar("T")
_ERRORS: Final[Mapping[int, type[KnowdoError]]] = {
    400: BadInput,
    401: NotAuthenticated,
    403: NotPermitted,
    404: NotFound,
    409: Refused,
    413: BadInput,
}


class Exchange:
    """Questions and answers over HTTP, or in one process over `httpx.ASGITransport`."""

    def __init__(self, http: httpx.AsyncClient, token: str | Tokens | None = None) -> None:
        self._http = http
        self._tokens = GivenToken(token) if token is None or isinstance(token, str) else token

    async def get(
        self, path: str, query: Mapping[str, float | str] | None = None, *, seconds: float = SECONDS
    ) -> bytes:
        """The body of what the registry answers to this question; its own error if it refuses, Unavailable if it is silent."""
        return await self._ask("GET", path, query=query, seconds=seconds)

    async def post(self, path: str, body: Mapping[str, Any], *, seconds: float = SECONDS) -> bytes:
        """The body of what the registry answers to this JSON object; errors as for `get`."""
        return await self._ask("POST", path, content=msgspec.json.encode(body), seconds=seconds)

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, float | str] | None = None,
        content: bytes | None = None,
        seconds: float = SECONDS,
    ) -> bytes:
        token = await self._tokens.current()
        answer = await self._sent(method, path, token, query=query, content=content, seconds=seconds)
        if answer.status_code == 401 and await self._tokens.renew(token):
            token = await self._tokens.current()
            answer = await self._sent(method, path, token, query=query, content=content, seconds=seconds)
        if answer.is_success:
            return answer.content
        raise _error(answer, f"{method} {path}")

    async def _sent(
        self,
        method: str,
        path: str,
        token: str,
        *,
        query: Mapping[str, float | str] | None,
        content: bytes | None,
        seconds: float,
    ) -> httpx.Response:
        headers = {"Content-Type": "application/json"} if content is not None else {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            return await self._http.request(
                method, path, params=query, content=content, headers=headers, timeout=seconds
            )
        except httpx.HTTPError as fault:
            raise Unavailable(
                f"the registry does not answer ({type(fault).__name__})",
                place=f"{method} {path}",
                remedy="Check that it runs and that its address is right; nothing was lost, try again",
            ) from fault


def _error(answer: httpx.Response, place: str) -> KnowdoError:
    """The registry's own words as the error that they were there."""
    problem: dict[str, Any] = {}
    try:
        decoded = msgspec.json.decode(answer.content)
        problem = decoded if isinstance(decoded, dict) else {}
    except (msgspec.DecodeError, UnicodeDecodeError):
        problem = {}
    issues = problem.get("issue") if problem.get("resourceType") == "OperationOutcome" else None
    told = "; ".join(str(one.get("diagnostics", "")) for one in issues) if isinstance(issues, list) else ""
    said = str(problem.get("detail") or told or f"the registry answered {answer.status_code}")
    where = str(problem.get("place") or place)
    remedy = str(problem.get("remedy") or "")
    if answer.status_code == 401:
        remedy = remedy or "Give a token that the registry knows: `knowdo registry person add`"
    return _ERRORS.get(answer.status_code, Unavailable)(said, place=where, remedy=remedy)


def object_in(body: bytes) -> dict[str, Any]:
    """An answer as a JSON object; Unavailable if it is none."""
    try:
        value = msgspec.json.decode(body)
    except msgspec.DecodeError as fault:
        raise _unreadable() from fault
    if not isinstance(value, dict):
        raise _unreadable()
    return value


def read_as(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """An answer as what it must be; Unavailable if it is something else."""
    try:
        return decoder.decode(body)
    except msgspec.DecodeError as fault:
        raise _unreadable() from fault


def _unreadable() -> Unavailable:
    return Unavailable("what answered is not a registry", remedy="Check the registry's address, and its version")
