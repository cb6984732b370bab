"""One request and its answer, as the report shows them: what is secret is blanked before anything is kept."""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

import httpx
import msgspec

from services.cds.conformance.checks import NoAnswer

LARGEST_ANSWER: Final = 5_000_000
SHOWN: Final = 4_000  # characters of a body that a report keeps
BLANK: Final = "(blanked)"
_SECRET_HEADERS: Final = frozenset({"cookie", "set-cookie", "proxy-authorization", "x-api-key"})
_SECRET_FIELDS: Final = frozenset({"access_token", "refresh_token", "client_secret"})


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """An exchange without its secrets. `status` 0: no answer came, and `problem` says which."""

    number: int
    method: str
    url: str
    request_headers: dict[str, str]
    request_body: str
    status: int
    headers: dict[str, str]
    body: str
    milliseconds: float
    problem: str = ""


class Exchange:
    """One request and its answer."""

    def __init__(
        self, number: int, method: str, url: str, sent: Mapping[str, str], content: bytes,
    ) -> None:  # fmt: skip
        self.number, self.method, self.url, self.content = number, method, url, content
        self.sent = dict(sent)
        self.status = 0
        self.headers: httpx.Headers = httpx.Headers()
        self.body = b""
        self.milliseconds = 0.0
        self.problem = ""

    @cached_property
    def json(self) -> Any:
        """The body as strict JSON; None if it is not (or holds nothing but `null`)."""
        return read_json(self.body)

    @property
    def says(self) -> str:
        """One line of what came: the status and the kind of body."""
        return f"{self.status} {self.headers.get('content-type', 'without a content type')}"

    def shown(self) -> Shown:
        """As the report keeps it."""
        return Shown(
            number=self.number,
            method=self.method,
            url=self.url,
            request_headers={name: _blanked(name, value) for name, value in self.sent.items()},
            request_body=_shortened(self.content),
            status=self.status,
            headers={name: _blanked(name, value) for name, value in self.headers.items()},
            body=_shortened(self.body),
            milliseconds=round(self.milliseconds, 1),
            problem=self.problem,
        )


class Recorder:
    """Sends requests and keeps every exchange. A request never takes longer than `seconds`, nor more than 5 MB."""

    def __init__(self, http: httpx.Client, *, seconds: float) -> None:
        self._http = http
        self._seconds = seconds
        self.exchanges: list[Exchange] = []

    def send(self, method: str, url: str, *, headers: Mapping[str, str], content: bytes = b"") -> Exchange:
        """The exchange; NoAnswer if nothing came that is HTTP."""
        exchange = Exchange(len(self.exchanges) + 1, method, url, headers, content)
        self.exchanges.append(exchange)
        began = time.perf_counter()
        try:
            with self._http.stream(method, url, headers=dict(headers), content=content or None) as answer:
                exchange.status, exchange.headers = answer.status_code, answer.headers
                exchange.body = self._read(answer, began)
        except (httpx.HTTPError, httpx.InvalidURL) as fault:
            exchange.problem = type(fault).__name__
            raise NoAnswer(f"no answer to {method} {url}: {exchange.problem}") from fault
        finally:
            exchange.milliseconds = (time.perf_counter() - began) * 1e3
        return exchange

    def _read(self, answer: httpx.Response, began: float) -> bytes:
        chunks, size = [], 0
        for chunk in answer.iter_bytes():
            chunks.append(chunk)
            size += len(chunk)
            if size > LARGEST_ANSWER:
                raise httpx.ReadError("the answer is too large")
            if time.perf_counter() - began > self._seconds:
                raise httpx.ReadTimeout("the answer takes too long")
        return b"".join(chunks)


def read_json(body: bytes) -> Any:
    """Strict JSON (no NaN); None for anything else."""
    try:
        return json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _blanked(name: str, value: str) -> str:
    if name.lower() == "authorization":
        return _token_shown(value)
    return BLANK if name.lower() in _SECRET_HEADERS else value


def _token_shown(authorization: str) -> str:
    """A JWT's header and claims for whoever must find out why it was refused; never its signature."""
    scheme, _, compact = authorization.partition(" ")
    parts = compact.split(".")
    if len(parts) != 3:
        return f"{scheme} {BLANK}" if compact else BLANK
    try:
        read = [json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in parts[:2]]
    except (ValueError, binascii.Error):
        return f"{scheme} {BLANK}"
    return f"{scheme} {json.dumps(read[0])}.{json.dumps(read[1])}.{BLANK}"


def _shortened(body: bytes) -> str:
    """A body to read: JSON indented, secrets blanked, long ones cut with their length said."""
    content = read_json(body) if len(body) < LARGEST_ANSWER else None
    text = json.dumps(_without_secrets(content), indent=1, ensure_ascii=False) if content is not None else ""
    text = text or body[: 2 * SHOWN].decode("utf-8", errors="replace")
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}\n… ({len(body)} bytes in all)"


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: BLANK if name in _SECRET_FIELDS else _without_secrets(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_without_secrets(part) for part in value]
    return value
