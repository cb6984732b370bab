"""The checker's own servers on this machine: a FHIR server for what the prefetch lacks, and a stranger nobody may ask.

They remember who asked for what and with which token. They hold one made-up patient: whichever is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from services.cds.conformance.made_up import Case, answer_to, now, resource, searchset

FHIR: Final = "/fhir/"
MOVED: Final = "/moved/"
_LONGEST_FORM: Final = 100_000


@dataclass(frozen=True, slots=True)
class Hit:
    """One request that came: its path with the query, and the token shown."""

    path: str
    authorization: str


@dataclass(slots=True)
class OwnServer:
    """A server on 127.0.0.1; `hits` is what it was asked. `with` starts and ends it."""

    port: int = 0
    documents: dict[str, Any] = field(default_factory=dict)
    """Path → what it answers there, beside FHIR."""
    hits: list[Hit] = field(default_factory=list)
    moved_to: str = ""
    """Where all below `moved` is redirected to."""
    _server: ThreadingHTTPServer | None = None

    def __enter__(self) -> OwnServer:
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    @property
    def origin(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def fhir(self) -> str:
        """Its FHIR base."""
        return f"{self.origin}{FHIR.rstrip('/')}"

    @property
    def moved(self) -> str:
        """A FHIR base that only redirects."""
        return f"{self.origin}{MOVED.rstrip('/')}"

    def answer(self, path: str, authorization: str) -> Any:
        """What it says to one request; None is 404, a text an address to go to."""
        self.hits.append(Hit(path, authorization))
        if path in self.documents:
            return self.documents[path]
        if path.startswith(MOVED) and self.moved_to:
            return f"{self.moved_to}/{path.removeprefix(MOVED)}"
        return _found(path.removeprefix(FHIR)) if path.startswith(FHIR) else None


def _found(query: str) -> Any:
    path, _, parameters = query.partition("?")
    asked = parse_qs(parameters)
    if path.startswith("pages/"):
        return searchset(resource("Observation", _case("page-patient"), code=("http://loinc.org", "718-7")))
    about = next((asked[name][0] for name in ("patient", "subject", "beneficiary") if asked.get(name)), "")
    identifier = path.partition("/")[2]
    return answer_to(unquote(query), _case(about.rpartition("/")[2] or identifier or "check-patient", identifier))


def _case(patient: str, encounter: str = "") -> Case:
    return Case(patient=patient, encounter=encounter or f"{patient}-e", now=now())


def _handler(server: OwnServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers and writes nothing down but the hit."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """A read, a search, or one of the documents."""
            self._say(self.path)

        def do_POST(self) -> None:
            """A search by POST; any other body is not asked for."""
            length = min(int(self.headers.get("Content-Length") or 0), _LONGEST_FORM)
            form = self.rfile.read(length).decode("utf-8", errors="replace")
            parts = urlsplit(self.path)
            self._say(f"{parts.path.removesuffix('/_search')}?{form}")

        def _say(self, path: str) -> None:
            found = server.answer(path, self.headers.get("Authorization", ""))
            if isinstance(found, str):
                self._send(302, b"", {"Location": found})
            elif found is None:
                self._send(
                    404, b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"not-found"}]}'
                )
            else:
                self._send(200, json.dumps(found).encode())

        def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": "application/fhir+json", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        log_message: Callable[..., None] = staticmethod(lambda *_: None)

    return Handler
