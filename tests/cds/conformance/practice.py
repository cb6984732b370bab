"""A small CDS service that keeps every rule, and breaks one of them on demand: what the checks are checked with."""

from __future__ import annotations

import asyncio
import base64
import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any, Final

import httpx
import uvicorn
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.cds.conformance.made_up import Case, now, resolve
from tests.cds.conformance.planted import ANSWERS, CARDS, DISCOVERIES
from tests.cds.serving import free_port

ISSUER: Final = "https://ehr.example"
ID: Final = "practice"
PREFETCH: Final = {
    "patient": "Patient/{{context.patientId}}",
    "labs": "Observation?patient={{context.patientId}}&code=http://loinc.org|718-7&_count=10&_sort=-date",
    "problems": "Condition?patient={{context.patientId}}&_count=50",
}
METHODS: Final = ["GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE"]


class Refusal(Exception):
    """An error answer."""

    def __init__(self, status: int, said: str = "") -> None:
        self.status, self.said = status, said


class Practice:
    """The service. `fault` names the one rule that it breaks; empty: none."""

    def __init__(self, key: ECKey) -> None:
        self.key = key
        self.fault = ""
        self.url = ""
        self.allowed = ""
        """Origin of the one FHIR server that may be asked."""
        self.tokens: set[str] = set()
        self.instances: set[str] = set()
        self.feedback: set[str] = set()
        self.app = Starlette(routes=[Route("/{path:path}", self.answer, methods=METHODS)])

    def breaks(self, *faults: str) -> bool:
        """Whether one of these is planted."""
        return self.fault in faults

    async def answer(self, request: Request) -> Response:
        """Any request: routed, refused or answered, and readable in a browser."""
        path = request.url.path
        parts = path.strip("/").split("/")
        try:
            if request.method == "OPTIONS":
                response = self._preflight(request)
            elif parts == ["cds-services"]:
                response = self._discover(request)
            elif parts[0] == "cds-services" and len(parts) in (2, 3) and (len(parts) == 2 or parts[2] == "feedback"):
                response = await (self._call(request, parts[1]) if len(parts) == 2 else self._feedback(request))
            else:
                raise Refusal(404, "no such place")
        except Refusal as refusal:
            response = self._refused(refusal)
        good = response.status_code < 400
        if not self.breaks("no cors") and (good or not self.breaks("no cors on errors")):
            response.headers["access-control-allow-origin"] = "*"
        return response

    def _preflight(self, request: Request) -> Response:
        asked = "access-control-request-method" in request.headers
        if self.breaks("no preflight" if asked else "no plain OPTIONS"):
            raise Refusal(405)
        allowed = "content-type" if self.breaks("token not allowed in a browser") else "Authorization, Content-Type"
        return Response(
            None, 204, {"access-control-allow-headers": allowed, "access-control-allow-methods": "GET, POST"}
        )

    def _refused(self, refusal: Refusal) -> Response:
        if self.breaks("errors in plain text"):
            return Response(f"error {refusal.status}", refusal.status, media_type="text/plain")
        issue = {"severity": "error", "code": "processing"}
        if not self.breaks("says nothing"):
            issue["diagnostics"] = refusal.said or "not possible"
        headers = {"allow": "GET, POST"} if refusal.status == 405 else {}
        return self._json({"resourceType": "OperationOutcome", "issue": [issue]}, refusal.status, headers)

    def _json(self, content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
        body = json.dumps(content)
        if self.breaks("trailing comma") and status == 200:
            body = body[:-1] + ",}"
        if self.breaks("not a number") and status == 200:
            body = body[:-1] + ', "x": NaN}'
        kind = "text/html" if self.breaks("called a web page") else "application/json"
        return Response(body, status, headers, media_type=kind)

    # --- discovery ---

    def _discover(self, request: Request) -> Response:
        if request.method not in {"GET", "HEAD"}:
            raise Refusal(404 if self.breaks("wrong method is 404") else 405)
        if self.breaks("discovery elsewhere") or (self.breaks("no HEAD") and request.method == "HEAD"):
            raise Refusal(405 if request.method == "HEAD" else 404)
        if self.breaks("discovery refuses tokens") and "authorization" in request.headers:
            raise Refusal(401)
        entry = {
            "id": ID, "title": "Practice", "description": "Offers something to everyone (FHIR R4).", "version": "2.0.0",
            "prefetch": dict(PREFETCH), "usageRequirements": "A signed JWT.",
        }  # fmt: skip
        hooks = ["patient-view", "order-sign"]
        offered: dict[str, Any] = {"services": [{"hook": hook, **entry} for hook in hooks]}
        if self.fault in DISCOVERIES:
            offered = DISCOVERIES[self.fault](offered)
        if request.headers.get("if-none-match") == '"1"' and not self.breaks("ETag ignored"):
            return Response(None, 304, {"etag": '"1"'})
        return self._json(offered, headers={"etag": '"1"'})

    # --- a call ---

    async def _call(self, request: Request, service: str) -> Response:
        if request.method != "POST":
            raise Refusal(404 if self.breaks("wrong method is 404") else 405)
        body = await request.body()
        self._check_token(request)
        if service != ID:
            return (
                self._json({"cards": []}) if self.breaks("any id") else self._refused(Refusal(404, "no such service"))
            )
        asked = self._read(body)
        if self.breaks("slow") and asked["hook"] == "patient-view":
            await asyncio.sleep(0.51)
        found = await self._patient_data(asked)
        if not found["patient"]:
            raise Refusal(412, "Required patient data is unknown: Patient")
        answer: dict[str, Any] = {"cards": [self._card(asked)]}
        if asked["hook"] == "order-sign":
            answer["systemActions"] = [{"type": "update", "description": "Note it", "resource": _order("o1")}]
        if self.fault in ANSWERS:
            answer = ANSWERS[self.fault](answer)
        if self.breaks("says the token back"):
            answer["extension"] = {"org.example.debug": asked.get("fhirAuthorization")}
        return self._json(answer)

    def _read(self, body: bytes) -> dict[str, Any]:
        """The hook request, checked; 400 for what is wrong with it."""
        try:
            asked = json.loads(body)
        except (ValueError, RecursionError) as fault:
            raise Refusal(500 if self.breaks("500 for broken JSON") else 400) from fault
        if not isinstance(asked, dict):
            raise Refusal(500 if self.breaks("500 for broken JSON") else 400)
        wanted = {"hook": str, "hookInstance": str, "context": dict}
        if missing := [name for name in wanted if name not in asked]:
            malformed = 422 if self.breaks("422 for a malformed call") else 400
            raise Refusal(500 if self.breaks("500 for a missing field") else malformed, f"without {missing[0]}")
        shapes = wanted | ({"prefetch": dict} if "prefetch" in asked else {})
        if any(not isinstance(asked[name], kind) for name, kind in shapes.items()) and not self.breaks("any type"):
            raise Refusal(400, "of the wrong type")
        if asked["hook"] not in {"patient-view", "order-sign"} and not self.breaks("any hook"):
            raise Refusal(400, "not one of its hooks")
        self._look_for_planted(asked)
        return asked

    def _look_for_planted(self, asked: dict[str, Any]) -> None:
        known = {"hook", "hookInstance", "context", "prefetch", "fhirServer", "fhirAuthorization", "extension"}
        if self.breaks("forbids unknown fields") and asked.keys() - known:
            raise Refusal(400)
        if self.breaks("forbids extensions") and "extension" in asked:
            raise Refusal(400)
        identifier = str(asked["context"].get("patientId", "") if isinstance(asked["context"], dict) else "")
        if self.breaks("64 characters") and len(identifier) > 64:
            raise Refusal(400)
        if self.breaks("500 for a huge id") and len(identifier) > 1000:
            raise Refusal(500)
        if self.breaks("each instance once") and str(asked["hookInstance"]) in self.instances:
            raise Refusal(409)
        self.instances.add(str(asked["hookInstance"]))
        scope = (asked.get("fhirAuthorization") or {}).get("scope", "")
        if self.breaks("old scopes only") and ".rs" in scope:
            raise Refusal(400)

    def _card(self, asked: dict[str, Any]) -> dict[str, Any]:
        card: dict[str, Any] = {
            "uuid": str(uuid.uuid4()),
            "summary": "Something to do",
            "detail": "It is **worth** doing.",
            "indicator": "warning",
            "source": {
                "label": "Practice", "url": "https://example.org/", "icon": "https://example.org/icon.png",
                "topic": {"system": "https://example.org/topics", "code": "practice"},
            },
            "selectionBehavior": "at-most-one",
            "suggestions": [
                {
                    "uuid": str(uuid.uuid4()), "label": "Replace it", "isRecommended": True,
                    "actions": [
                        {"type": "delete", "description": "Take one away", "resourceId": "MedicationRequest/o1"},
                        {"type": "create", "description": "Order another", "resource": _order()},
                    ],
                },
                {
                    "uuid": str(uuid.uuid4()), "label": "Change it",
                    "actions": [{"type": "update", "description": "Change one", "resource": _order("o1")}],
                },
            ],
            "overrideReasons": [{"system": "https://example.org/reasons", "code": "no", "display": "Not now"}],
            "links": [
                {"label": "Read", "url": "https://example.org/read", "type": "absolute"},
                {"label": "App", "url": "https://example.org/app", "type": "smart", "appContext": asked["hook"]},
            ],
        }  # fmt: skip
        if self.fault in CARDS:
            CARDS[self.fault](card)
        return card

    # --- data ---

    async def _patient_data(self, asked: dict[str, Any]) -> dict[str, list[Any]]:
        """Key → resources; what the prefetch lacks is fetched, further pages too."""
        prefetch = asked.get("prefetch")
        given: dict[str, Any] = prefetch if isinstance(prefetch, dict) else {}
        if not given and self.breaks("500 without prefetch"):
            raise Refusal(500)
        found: dict[str, list[Any]] = {}
        for key, template in PREFETCH.items():
            value = given.get(key)
            if key in given and not self.breaks("asks again"):
                found[key] = self._resources(value) + await self._further(value, asked)
            else:
                answer = await self._fetched(template, asked)
                found[key] = self._resources(answer) + await self._further(answer, asked)
        return found

    def _resources(self, value: Any) -> list[Any]:
        """The resources in a value of any shape."""
        if value is None and self.breaks("500 for null"):
            raise Refusal(500)
        if isinstance(value, str) and self.breaks("500 for a web page"):
            raise Refusal(500)
        if isinstance(value, list):
            if self.breaks("no arrays"):
                raise Refusal(412)
            return [one for part in value for one in self._resources(part)]
        if not isinstance(value, dict):
            return []
        if value.get("resourceType") == "OperationOutcome":
            if self.breaks("500 for an outcome"):
                raise Refusal(500)
            return []
        if "resource" in value and "resourceType" not in value:
            return [] if self.breaks("no wrappers") else self._resources(value["resource"])
        if value.get("resourceType") != "Bundle":
            return [value]
        if value.get("type") == "collection" and self.breaks("searchsets only"):
            raise Refusal(412)
        entries = [entry["resource"] for entry in value.get("entry", [])]
        if not entries and self.breaks("500 for an empty searchset"):
            raise Refusal(500)
        outcomes = [one for one in entries if one["resourceType"] == "OperationOutcome"]
        if outcomes and self.breaks("500 for an outcome among entries"):
            raise Refusal(500)
        return [one for one in entries if one not in outcomes]

    async def _further(self, bundle: Any, asked: dict[str, Any]) -> list[Any]:
        links = bundle.get("link", []) if isinstance(bundle, dict) else []
        further = [link["url"] for link in links if link["relation"] == "next"]
        if further and self.breaks("500 for a next link"):
            raise Refusal(500)
        if self.breaks("first page only"):
            return []
        return [one for url in further for one in self._resources(await self._get(url, asked))]

    async def _fetched(self, template: str, asked: dict[str, Any]) -> Any:
        context = asked["context"]
        case = Case(patient="", encounter="", now=now())
        query = template if self.breaks("unresolved tokens") else resolve(template, context, case)
        server = asked.get("fhirServer")
        return await self._get(f"{server}/{query}", asked) if server and not self.breaks("never fetches") else None

    async def _get(self, url: str, asked: dict[str, Any]) -> Any:
        """What the FHIR server answers; nothing from any other server."""
        elsewhere = not url.startswith(f"{self.allowed}/")
        if (elsewhere and not self.breaks("follows anywhere")) or not self.allowed:
            return None
        token = (asked.get("fhirAuthorization") or {}).get("access_token", "")
        headers = {} if self.breaks("fetches without the token") else {"authorization": f"Bearer {token}"}
        follow = self.breaks("follows redirects")
        async with httpx.AsyncClient(trust_env=False, follow_redirects=follow, timeout=2) as http:
            try:
                answer = await http.get(url, headers=headers)
            except httpx.HTTPError:
                return None
            return answer.json() if answer.status_code == 200 else None

    # --- feedback ---

    async def _feedback(self, request: Request) -> Response:
        body = await request.body()
        if not self.breaks("open feedback"):
            self._check_token(request)
        try:
            entries = json.loads(body)["feedback"]
        except (ValueError, KeyError, TypeError) as fault:
            raise Refusal(200 if self.breaks("any feedback") else 400) from fault
        if not isinstance(entries, list):
            raise Refusal(200 if self.breaks("any feedback") else 400)
        if self.breaks("no batches") and len(entries) > 1:
            raise Refusal(400)
        for entry in entries:
            self._check_entry(entry)
        return Response(None, 200)

    def _check_entry(self, entry: dict[str, Any]) -> None:
        if entry["outcome"] not in {"accepted", "overridden"} and not self.breaks("takes ignored"):
            raise Refusal(400)
        if entry["outcome"] == "accepted" and self.breaks("refuses acceptance"):
            raise Refusal(400)
        if entry["outcome"] == "overridden":
            if self.breaks("reason required") and "overrideReason" not in entry:
                raise Refusal(400)
            if self.breaks("reason with a display") and "display" not in entry.get("overrideReason", {"display": ""}):
                raise Refusal(400)
        spelt = json.dumps(entry, sort_keys=True)
        if self.breaks("no repeats") and spelt in self.feedback:
            raise Refusal(409)
        self.feedback.add(spelt)
        if self.breaks("known cards only"):
            raise Refusal(404 if entry["outcome"] == "" else 422)

    # --- tokens ---

    def _check_token(self, request: Request) -> None:
        if self.breaks("open to all"):
            return
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token and self.breaks("refuses every token"):
            raise Refusal(401)
        try:
            reason = self._wrong_with(token, f"{self.url}{request.url.path}")
        except (ValueError, KeyError, TypeError, IndexError, JoseError):
            reason = "unreadable"
            if self.breaks("anything is a token") and token:
                return
        if reason:
            status = 403 if self.breaks("403 for a stranger") else 401
            raise Refusal(status, f"the token has a wrong {reason}" if self.breaks("explains") else "Not authenticated")

    def _wrong_with(self, token: str, url: str) -> str:
        header, claims = (json.loads(_decoded(part)) for part in token.split(".")[:2])
        algorithm = header["alg"]
        lets_pass = (
            (algorithm == "none" and self.breaks("takes none"))
            or (algorithm.lower() == "none" and algorithm != "none" and self.breaks("takes NoNe"))
            or (algorithm.startswith("HS") and self.breaks(f"takes {algorithm}"))
            or self.breaks("signature not looked at")
        )
        if claims["iss"] != ISSUER and not self.breaks("any issuer"):
            if self.breaks("asks any jku"):
                httpx.get(header["jku"], trust_env=False)
            return "issuer"
        if not lets_pass:
            jws.deserialize_compact(token, self.key, algorithms=["ES384"])
        audiences = claims.get("aud", url if self.breaks("no audience needed") else "")
        wrong = audiences != url if self.breaks("audience a text only") else url not in _listed(audiences)
        if wrong and not self.breaks("any audience"):
            return "audience"
        if self.breaks("no exp needed"):
            claims.setdefault("exp", time.time() + 60)
        if claims["exp"] < time.time() and not self.breaks("never expires"):
            return "exp: expired"
        if claims["iat"] > time.time() + 60 and not self.breaks("from the future"):
            return "iat"
        if "jti" not in claims:
            return "" if self.breaks("no jti needed") else "jti"
        if claims["jti"] in self.tokens and not self.breaks("again and again"):
            return "jti: replay"
        self.tokens.add(claims["jti"])
        return ""


def _order(identifier: str = "") -> dict[str, Any]:
    order = {
        "resourceType": "MedicationRequest", "status": "draft", "intent": "order",
        "medicationCodeableConcept": {"text": "made up"}, "subject": {"reference": "Patient/1"},
    }  # fmt: skip
    return order | ({"id": identifier} if identifier else {})


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@contextmanager
def running(practice: Practice) -> Iterator[str]:
    """The service on a port of this machine; yields its URL."""
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(practice.app, host="127.0.0.1", port=port, log_level="error", lifespan="off")
    )
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    practice.url = f"http://127.0.0.1:{port}"
    until = time.monotonic() + 10
    while not server.started and time.monotonic() < until:
        time.sleep(0.01)
    try:
        yield practice.url
    finally:
        server.should_exit = True
        thread.join(5)
