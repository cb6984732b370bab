"""A small FHIR server that speaks Bulk Data 2.0, SMART Backend Services and paged search, and can be told to fail.

On a real socket, in a thread of the test. It keeps what HAPI's server does not show: deletions, ranges, tokens that end,
manifests that expire, files that break off.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from joserfc import jwt
from joserfc.jwk import KeySet
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.cds.serving import free_port

Json = dict[str, Any]
NDJSON = "application/fhir+ndjson"


@dataclass
class Job:
    """One export: its question and its files."""

    query: dict[str, str]
    level: str
    made: str
    files: dict[str, bytes]
    polls: int = 0
    round: int = 0
    """Counts up when the addresses of the files are renewed."""


@dataclass
class BulkServer:
    """What it holds, what went on, and what it is told to do wrong."""

    port: int
    resources: list[Json] = field(default_factory=list)
    deleted: list[tuple[str, str]] = field(default_factory=list)
    """`Type/id` and when."""
    now: str = "2026-01-01T00:00:00Z"
    keys: Json | None = None
    """Public keys of the client; None: anybody is answered."""
    token_seconds: float = 300.0
    lines_per_file: int = 50
    page: int = 3
    polls: int = 1
    ranges: bool = True
    etags: bool = True
    errors: list[Json] = field(default_factory=list)
    breaks: int = 0
    """So many times a file breaks off in the middle."""
    busy: int = 0
    """So many times the next answer to a status or file question is 429."""
    pause: float = 0.0
    """Seconds between the pieces of a file."""
    forget: int = 0
    """So many jobs are forgotten when their files are asked for."""
    renew: int = 0
    """So many times a file's address has expired, and the manifest names another."""
    elsewhere: str = ""
    """Origin that the files are said to be on."""
    jobs: dict[str, Job] = field(default_factory=dict)
    tokens: dict[str, float] = field(default_factory=dict)
    seen_jti: set[str] = field(default_factory=set)
    log: list[str] = field(default_factory=list)
    sent: int = 0
    """Bytes of files."""

    @property
    def origin(self) -> str:
        """Its origin."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def base(self) -> str:
        """Its FHIR base."""
        return f"{self.origin}/fhir"

    def asked(self, word: str) -> int:
        """How many requests had this in them."""
        return sum(word in line for line in self.log)

    def current(self, since: str = "") -> list[Json]:
        """The last version of each resource, if it changed since."""
        last = {(one["resourceType"], one["id"]): one for one in self.resources}
        return [one for one in last.values() if not since or one["meta"]["lastUpdated"] >= since]

    def app(self) -> Starlette:
        """The routes."""
        levels = ("/fhir/$export", "/fhir/Patient/$export", "/fhir/Group/{group}/$export")
        return Starlette(
            routes=[
                Route("/fhir/.well-known/smart-configuration", self._smart),
                Route("/token", self._token, methods=["POST"]),
                *(Route(path, self._kick_off) for path in levels),
                Route("/status/{job}", self._status, methods=["GET", "DELETE"]),
                Route("/files/{round}/{job}/{name}", self._file),
                Route("/fhir/metadata", self._metadata),
                Route("/fhir/{kind}", self._search),
            ]
        )

    def _refused(self, request: Request) -> Response | None:
        self.log.append(f"{request.method} {request.url.path}?{request.url.query}")
        shown = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.keys is not None and self.tokens.get(shown, 0.0) < time.monotonic():
            return JSONResponse({"resourceType": "OperationOutcome", "issue": []}, status_code=401)
        return None

    async def _smart(self, _request: Request) -> Response:
        return JSONResponse({"token_endpoint": f"{self.origin}/token", "grant_types_supported": ["client_credentials"]})

    async def _token(self, request: Request) -> Response:
        """What the specification has a server check."""
        form = dict(parse_qsl((await request.body()).decode()))
        assert self.keys is not None
        assert form["grant_type"] == "client_credentials"
        assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        read = jwt.decode(form["client_assertion"], KeySet.import_key_set(self.keys), algorithms=["RS384", "ES384"])
        claims = read.claims
        assert claims["iss"] == claims["sub"] == "knowdo"
        assert claims["aud"] == f"{self.origin}/token"
        assert time.time() < claims["exp"] <= time.time() + 300
        assert claims["jti"] not in self.seen_jti
        self.seen_jti.add(claims["jti"])
        if form["scope"] != "system/*.rs":
            return JSONResponse({"error": "invalid_scope", "error_description": "no such scope"}, status_code=400)
        token = f"token-{len(self.tokens)}"
        self.tokens[token] = time.monotonic() + self.token_seconds
        return JSONResponse({"access_token": token, "token_type": "bearer", "expires_in": self.token_seconds})

    async def _metadata(self, request: Request) -> Response:
        return self._refused(request) or JSONResponse({"resourceType": "CapabilityStatement"})

    async def _kick_off(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        assert "respond-async" in request.headers["prefer"]
        query = dict(request.query_params)
        since = query.get("_since", "")
        kinds = [kind for kind in query.get("_type", "").split(",") if kind]
        if "Nonsense" in kinds:
            issue = {"severity": "error", "code": "not-supported", "diagnostics": "Nonsense is no type here"}
            return JSONResponse({"resourceType": "OperationOutcome", "issue": [issue]}, status_code=400)
        found: dict[str, list[Json]] = {}
        for one in self.current(since):
            if not kinds or one["resourceType"] in kinds:
                found.setdefault(one["resourceType"], []).append(one)
        files = {}
        for kind, listed in found.items():
            for at in range(0, len(listed), self.lines_per_file):
                lines = [json.dumps(one) for one in listed[at : at + self.lines_per_file]]
                files[f"output.{kind}.{at}"] = ("\n".join(lines) + "\n").encode()
        gone = [name for name, at in self.deleted if since and at >= since]
        if gone:
            entries = [{"request": {"method": "DELETE", "url": name}} for name in gone]
            files["deleted.Bundle.0"] = (
                json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}) + "\n"
            ).encode()
        if self.errors:
            lines = [json.dumps({"resourceType": "OperationOutcome", "issue": [one]}) for one in self.errors]
            files["error.OperationOutcome.0"] = ("\n".join(lines) + "\n").encode()
        name = f"job{len(self.jobs)}"
        self.jobs[name] = Job(query=query, level=request.url.path, made=self.now, files=files)
        return Response(status_code=202, headers={"Content-Location": f"{self.origin}/status/{name}"})

    async def _status(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        name = request.path_params["job"]
        if (job := self.jobs.get(name)) is None:
            return Response(status_code=404)
        if request.method == "DELETE":
            del self.jobs[name]
            return Response(status_code=202)
        if self.busy:
            self.busy -= 1
            return Response(status_code=429, headers={"Retry-After": "0"})
        job.polls += 1
        if job.polls <= self.polls:
            return Response(status_code=202, headers={"X-Progress": f"{job.polls} of {self.polls}", "Retry-After": "0"})
        manifest: Json = {
            "transactionTime": job.made,
            "request": "x",
            "requiresAccessToken": self.keys is not None,
            "output": [],
            "deleted": [],
            "error": [],
        }
        for file, data in job.files.items():
            part, kind, _ = file.split(".")
            address = f"{self.elsewhere or self.origin}/files/{job.round}/{name}/{file}"
            manifest[part].append({"type": kind, "url": address, "count": data.count(b"\n")})
        return JSONResponse(manifest)

    async def _file(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        name, of = request.path_params["name"], request.path_params["job"]
        if self.forget:
            self.forget -= 1
            self.jobs.pop(of, None)
        job = self.jobs.get(of)
        if job is not None and self.renew:
            self.renew -= 1
            job.round += 1
        if job is None or int(request.path_params["round"]) != job.round:
            return Response(status_code=404)
        if self.busy:
            self.busy -= 1
            return Response(status_code=503, headers={"Retry-After": "0"})
        data = job.files[name]
        begin, status, headers = 0, 200, {"ETag": f'"{name}-{len(data)}"'} if self.etags else {}
        wanted = request.headers.get("range", "")
        if (
            wanted
            and self.ranges
            and request.headers.get("if-range", headers.get("ETag", "")) == headers.get("ETag", "")
        ):
            begin = int(wanted.removeprefix("bytes=").removesuffix("-"))
            status, headers["Content-Range"] = 206, f"bytes {begin}-{len(data) - 1}/{len(data)}"
        cut = len(data)
        if self.breaks and len(data) - begin > 1000:
            self.breaks -= 1
            cut = (begin + len(data)) // 2
        headers["Content-Length"] = str(len(data) - begin)
        return StreamingResponse(self._pieces(data[begin:cut], whole=cut == len(data)), status, headers, NDJSON)

    async def _pieces(self, data: bytes, *, whole: bool) -> AsyncIterator[bytes]:
        for at in range(0, len(data), 4096):
            piece = data[at : at + 4096]
            self.sent += len(piece)
            yield piece
            await asyncio.sleep(self.pause)
        if not whole:
            raise ConnectionAbortedError  # the socket is closed in the middle of what was promised

    async def _search(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        kind = request.path_params["kind"]
        query = request.query_params
        if kind not in {one["resourceType"] for one in self.resources}:
            return Response(status_code=404)
        since = query.get("_lastUpdated", "").removeprefix("ge")
        found = [one for one in self.current(since) if one["resourceType"] == kind]
        offset = int(query.get("_offset", "0"))
        shown = found[offset : offset + self.page]
        entries: list[Json] = [{"resource": one, "search": {"mode": "match"}} for one in shown]
        if (with_them := query.get("_revinclude", "")) == "Observation:patient":
            ours = {f"Patient/{one['id']}" for one in shown}
            for one in self.current():
                if one["resourceType"] == "Observation" and one["subject"]["reference"] in ours:
                    entries.append({"resource": one, "search": {"mode": "include"}})
        links = []
        if offset + self.page < len(found):
            further = dict(query) | {"_offset": str(offset + self.page)}
            text = "&".join(f"{name}={value}" for name, value in further.items())
            links.append({"relation": "next", "url": f"{self.elsewhere or self.origin}/fhir/{kind}?{text}"})
        assert with_them in ("", "Observation:patient")
        bundle = {"resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries}
        return Response(json.dumps(bundle, indent=1), media_type="application/fhir+json")


@contextmanager
def bulk_server(**told: Any) -> Iterator[BulkServer]:
    """A server that runs until the block ends."""
    server = BulkServer(port=free_port(), **told)
    running = uvicorn.Server(
        uvicorn.Config(
            server.app(), host="127.0.0.1", port=server.port, log_config=None, access_log=False, lifespan="off"
        )
    )
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    while not running.started:
        time.sleep(0.01)
    try:
        yield server
    finally:
        running.should_exit = running.force_exit = True
        thread.join(10)
