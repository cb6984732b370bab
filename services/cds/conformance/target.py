"""The service under examination: how it is called, what discovery says of it, and every answer that it gave so far."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlsplit

from services.cds.conformance.checks import NoAnswer, Skipped, as_list, as_object
from services.cds.conformance.contexts import context_for
from services.cds.conformance.exchange import Exchange, Recorder
from services.cds.conformance.made_up import Case, answer_to, now, resolve
from services.cds.conformance.own_server import OwnServer
from services.cds.conformance.signer import Signer

DISCOVERY: Final = "/cds-services"
REFUSED: Final = (401, 403)
"""How a caller is turned away; that 401 is the right one has a check of its own."""
NOT_TRUSTED: Final = "the service refuses the token made with --jwk: does it trust the issuer (--iss), has it the public key, is its own address this one?"
NO_KEY: Final = "the service asks for a token, and no key was given (--jwk, --iss)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One entry of discovery: an id with one of its hooks."""

    id: str
    hook: str
    prefetch: Mapping[str, str] = field(hash=False)

    @property
    def path(self) -> str:
        """Where it is called."""
        return f"{DISCOVERY}/{quote(self.id, safe='')}"

    def __str__(self) -> str:
        return f"{self.id} ({self.hook})"


@dataclass(slots=True, kw_only=True)
class Target:
    """A CDS Hooks service at `base` (without a slash at its end)."""

    base: str
    record: Recorder
    signer: Signer | None = None
    fhir: OwnServer | None = None
    """The checker's FHIR server; None where the target cannot reach it."""
    stranger: OwnServer | None = None
    """A server that nobody may ask."""
    given: Mapping[str, Any] | None = None
    """The user's own hook request, used for the service of its hook."""
    only: str = ""
    services: list[Service] = field(default_factory=list)
    answers: dict[Service, list[Exchange]] = field(default_factory=dict)
    cited: list[Exchange] = field(default_factory=list)
    _discovery: Exchange | None = None
    _full: dict[Service, Exchange] = field(default_factory=dict)
    _run: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    _cases: int = 0

    def discover(self) -> None:
        """Ask what is offered; what cannot be read leaves no services, and the checks of discovery say why."""
        self._discovery = self.get(DISCOVERY)
        for entry in as_list(as_object(self.discovery.json).get("services")):
            one = as_object(entry)
            if isinstance(one.get("id"), str) and isinstance(one.get("hook"), str) and self.only in ("", one["id"]):
                templates = as_object(one.get("prefetch")).items()
                prefetch = {key: template for key, template in templates if isinstance(template, str)}
                self.services.append(Service(id=one["id"], hook=one["hook"], prefetch=prefetch))

    @property
    def entries(self) -> list[Any]:
        """Discovery's list as it came, whatever is in it."""
        return as_list(as_object(self.discovery.json).get("services"))

    @property
    def discovery(self) -> Exchange:
        """The answer of discovery, named in the report of the check that looks at it."""
        if self._discovery is None:
            raise NoAnswer("discovery was not asked yet")
        return self.cite(self._discovery)

    # --- asking ---

    def get(self, path: str, **headers: str) -> Exchange:
        """GET, signed if there is a key."""
        return self.send("GET", path, headers=headers)

    def send(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, content: bytes = b"",
        signed: bool = True,
    ) -> Exchange:  # fmt: skip
        """Any request to a path below the base; no judgement of the answer."""
        url = f"{self.base}{path}"
        token = {"authorization": f"Bearer {self.signer.token(url)}"} if signed and self.signer else {}
        return self.cite(self.record.send(method, url, headers=token | dict(headers or {}), content=content))

    def post(self, path: str, body: Any, *, signed: bool = True, **headers: str) -> Exchange:
        """POST JSON (or bytes as they are); no judgement of the answer."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.send(
            "POST", path, headers={"content-type": "application/json"} | headers, content=content, signed=signed
        )

    def call(self, service: Service, body: Any) -> Exchange:
        """A hook call; Skipped if the service will not have our token, since then nothing can be said of the rest."""
        answer = self.let_in(self.post(service.path, body))
        self.answers.setdefault(service, []).append(answer)
        return answer

    def let_in(self, answer: Exchange) -> Exchange:
        """An answer of a service that knows us; Skipped if it does not."""
        if answer.status in REFUSED:
            raise Skipped(NOT_TRUSTED if self.signer else NO_KEY)
        return answer

    def full(self, service: Service) -> Exchange:
        """The answer to a complete call, asked once; what later calls are compared with."""
        if service not in self._full:
            self._full[service] = self.call(service, self.request(service))
        return self.cite(self._full[service])

    def answered(self, service: Service) -> Exchange:
        """The same; Skipped if a complete call is not answered with 200 here, for then no other face can be judged."""
        answer = self.full(service)
        if answer.status != 200:
            raise Skipped(
                f"a call with a full prefetch is answered with {answer.status}: give a request with --request"
            )
        return answer

    def cite(self, exchange: Exchange) -> Exchange:
        """Name an exchange in the report of the check that is being made."""
        if exchange not in self.cited:
            self.cited.append(exchange)
        return exchange

    # --- what is asked ---

    def case(self) -> Case:
        """Another made-up patient each time, so that no answer is kept back as a repeat."""
        self._cases += 1
        name = f"check-{self._run}-{self._cases}"
        return Case(patient=name, encounter=f"{name}-e", now=now())

    def request(self, service: Service, *, case: Case | None = None, **changes: Any) -> dict[str, Any]:
        """A complete call: the user's own if it is for this hook, else about a made-up case; a change to None leaves out."""
        about = case or self.case()
        if self.given is not None and self.given.get("hook") == service.hook:
            made = dict(self.given)
        else:
            context = context_for(service.hook, about)
            made = {"hook": service.hook, "context": context, "prefetch": self.prefetch(service, context, about)}
        made |= {"hookInstance": str(uuid.uuid4())} | changes
        return {name: value for name, value in made.items() if value is not None}

    def prefetch(self, service: Service, context: Mapping[str, Any], case: Case) -> dict[str, Any]:
        """Every template of the service answered from the case, as its EHR would; one that cannot be resolved is left out."""
        resolved = {key: resolve(template, context, case) for key, template in service.prefetch.items()}
        answers = {key: answer_to(query, case) for key, query in resolved.items() if query is not None}
        return {key: answer for key, answer in answers.items() if answer is not None}

    # --- what was said ---

    def cards(self, service: Service) -> Iterator[tuple[dict[str, Any], str]]:
        """Every card seen in any answer of the service, with its place; Skipped if none was."""
        seen = False
        self.look_at_all(service)
        for answer in self.answers.get(service, ()):
            for number, card in enumerate(as_list(as_object(answer.json).get("cards"))):
                seen = True
                self.cite(answer)
                yield as_object(card), f"answer {answer.number}: cards[{number}]"
        if not seen:
            raise Skipped("no card was shown in any call: give a request that brings one with --request")

    def look_at_all(self, service: Service) -> None:
        """Make sure that at least the complete call was made."""
        if not self.answers.get(service):
            try:
                self.full(service)
            except NoAnswer as fault:
                raise Skipped(str(fault)) from fault

    def own_fhir(self) -> OwnServer:
        """The checker's FHIR server; Skipped where the target cannot reach it."""
        if self.fhir is None:
            raise Skipped("the service does not run on this machine, so it cannot reach the checker's FHIR server")
        return self.fhir

    def authorization(self, token: str, **changes: Any) -> dict[str, Any]:
        """A `fhirAuthorization` with this access token."""
        return {
            "access_token": token, "token_type": "Bearer", "expires_in": 300,
            "scope": "patient/Patient.read patient/Observation.read", "subject": "check-client", **changes,
        }  # fmt: skip


def on_this_machine(base: str) -> bool:
    """Whether an address is of the loopback."""
    host = urlsplit(base).hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.")
