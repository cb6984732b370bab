"""The door to the registry: one client over HTTP between containers and over `httpx.ASGITransport` in one process.

It carries bytes and signed text; it verifies nothing and trusts nothing: `guidance.release.unpack` and
`plumbing.keys.verify` do that where the bytes are used. The shapes of the feed of section 9 are declared here once,
for both ends; they have no place for patient data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, TypeVar

import httpx
import msgspec

from services.guidance.errors import NotAuthenticated, NotFound, NotPermitted, Refused, Unavailable
from services.plumbing.registry_tokens import GivenToken, Tokens
from services.timeline.errors import BadInput, KnowdoError

SECONDS: Final = 30.0  # a proposal of some MB is read, opened and checked before it is answered
GOODBYE: Final = 1.0  # a service that ends does not wait for a registry that is gone
LONGEST_WAIT: Final = 55.0  # below the minute after which proxies cut a silent connection

_Count = Annotated[int, msgspec.Meta(ge=0)]
_Short = Annotated[str, msgspec.Meta(max_length=80, pattern=r"^[^\x00-\x1f\x7f]*$")]
CountName = Literal[
    "calls", "shown", "below-band", "outside", "silent", "masked", "abstained", "unknown", "suppressed", "suspended",
    "failed", "cool-down", "duplicate", "snoozed", "rule", "cap", "accepted", "overridden",
]  # fmt: skip
VoteChoice = Literal["approve", "approve-with-conditions", "reject", "not-enough-evidence", "withdraw"]
T = TypeVar("T")


class Aggregate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happened with one release at one site on one day, in counts; sent again, it replaces what was sent before."""

    guidance: _Short
    release: _Short
    site: _Short
    day: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    counts: dict[CountName, _Count]


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One worker says which stage it is in for one deployment: `release X live / stopped in worker Y at t`."""

    worker: _Short
    deployment: _Short
    guidance: _Short
    release: _Short | None
    stage: Literal["silent", "pilot", "general", "suspended", "retired"]
    ledger_number: _Count
    at: _Short


class Head(msgspec.Struct, frozen=True):
    """The last entry of the registry's ledger."""

    number: int
    hash: str


class SignedManifests(msgspec.Struct, frozen=True):
    """Every deployment's manifest as it stands, renewed; and the head of the ledger, for the next question."""

    head: Head
    manifests: tuple[str, ...]


class Proposed(msgspec.Struct, frozen=True):
    """What the registry calls a proposal."""

    proposal: str
    release: str
    state: str


_MANIFESTS: Final = msgspec.json.Decoder(SignedManifests)
_PROPOSED: Final = msgspec.json.Decoder(Proposed)
_ERRORS: Final[Mapping[int, type[KnowdoError]]] = {
    400: BadInput,
    401: NotAuthenticated,
    403: NotPermitted,
    404: NotFound,
    409: Refused,
    413: BadInput,
}


class RegistryClient:
    """What the CDS, the learner and the command line ask of a registry. `http` has the registry's base URL."""

    def __init__(self, http: httpx.AsyncClient, token: str | Tokens | None = None) -> None:
        self._http = http
        self._tokens = GivenToken(token) if token is None or isinstance(token, str) else token

    async def propose(self, release: bytes, evidence: Sequence[bytes] = (), *, author: str, note: str = "") -> Proposed:
        """Offer a packed release and its packed evidence; the same release twice is one proposal."""
        body = {"release": release, "evidence": list(evidence), "author": author, "note": note}
        return _read(_PROPOSED, await self._post("/proposals", body))

    async def add_evidence(self, proposal: str, pack: bytes) -> str:
        """Add one packed evidence pack to a proposal; answers its digest."""
        answer = await self._post(f"/proposals/{proposal}/evidence", {"evidence": pack})
        return str(_object(answer)["evidence"])

    async def file_trial(self, proposal: str, plan: Mapping[str, Any]) -> dict[str, Any]:
        """File a trial (id, unit, arms) for a proposal; answers it with the digest that votes must name."""
        return _object(await self._post(f"/proposals/{proposal}/trial", plan))

    async def vote(
        self,
        proposal: str,
        *,
        transition: str,
        role: str,
        vote: VoteChoice,
        release: str,
        evidence: Sequence[str],
        reason: str = "",
        accepts: Sequence[str] = (),
        plans: Mapping[str, str] | None = None,
        conditions: Sequence[Mapping[str, Any]] = (),
        conflict: str = "",
    ) -> dict[str, Any]:
        """One person's vote, bound to the release, the step and the evidence read; answers the state and the decision."""
        body = {
            "transition": transition,
            "role": role,
            "vote": vote,
            "release": release,
            "evidence": list(evidence),
            "reason": reason,
            "accepts": list(accepts),
            "plans": dict(plans or {}),
            "conditions": list(conditions),
            "conflict": conflict,
        }
        return _object(await self._post(f"/proposals/{proposal}/votes", body))

    async def close_condition(self, proposal: str, number: int, *, how: str) -> dict[str, Any]:
        """Say that a condition of an approval is met, and how."""
        return _object(await self._post(f"/proposals/{proposal}/conditions/{number}/close", {"how": how}))

    async def ask(self, proposal: str, text: str, *, role: str, blocking: bool = False) -> dict[str, Any]:
        """Put a question; a blocking one holds every step up until it is closed."""
        body = {"text": text, "role": role, "blocking": blocking}
        return _object(await self._post(f"/proposals/{proposal}/questions", body))

    async def reply(self, proposal: str, number: int, text: str) -> dict[str, Any]:
        """Answer a question."""
        return _object(await self._post(f"/proposals/{proposal}/questions/{number}/replies", {"text": text}))

    async def close_question(self, proposal: str, number: int, *, how: str) -> dict[str, Any]:
        """Say that a question is answered, and how."""
        return _object(await self._post(f"/proposals/{proposal}/questions/{number}/close", {"how": how}))

    async def declare_rollback(self, proposal: str, fallback: str, *, reason: str) -> dict[str, Any]:
        """Declare what speaks if the release must be taken back: a digest, or `none`."""
        body = {"fallback": fallback, "reason": reason}
        return _object(await self._post(f"/proposals/{proposal}/rollback", body))

    async def suspend(self, guidance: str, *, reason: str = "", release: str = "") -> dict[str, Any]:
        """Stop every release of this guidance, or only that one, at once."""
        return _object(await self._post(f"/deployments/{guidance}/suspend", {"reason": reason, "release": release}))

    async def deploy(self, guidance: str, release: str, **placement: Any) -> dict[str, Any]:
        """Decide where a release speaks: `sites`, `tenants`, `hooks`, `stage`, `share` (%), `starts_at`, `ends_at`, `fallback`."""
        return _object(await self._post("/deployments", {"guidance": guidance, "release": release, **placement}))

    async def deployments(self) -> list[dict[str, Any]]:
        """Where everything runs."""
        return list(_object(await self._get("/deployments"))["deployments"])

    async def reasons_due(self) -> list[dict[str, Any]]:
        """Stops that owe their reason."""
        return list(_object(await self._get("/reasons-due"))["due"])

    async def give_reason(self, guidance: str, reason: str) -> dict[str, Any]:
        """Say why a guidance was stopped."""
        return _object(await self._post(f"/deployments/{guidance}/reason", {"reason": reason}))

    async def overlay(self, guidance: str) -> dict[str, Any]:
        """What holds at which site."""
        return _object(await self._get(f"/overlays/{guidance}"))

    async def set_overlay(self, guidance: str, site: str, part: Mapping[str, Any]) -> dict[str, Any]:
        """Decide what holds at a site (`*`: all); an empty part takes it back."""
        return _object(await self._ask("PUT", f"/overlays/{guidance}/{site}", content=msgspec.json.encode(part)))

    async def proposals(self) -> list[dict[str, Any]]:
        """All proposals, the newest first."""
        answer = _object(await self._get("/proposals"))
        return list(answer["proposals"])

    async def proposal(self, proposal: str) -> dict[str, Any]:
        """One proposal with its evidence, votes, and what the next step still needs."""
        return _object(await self._get(f"/proposals/{proposal}"))

    async def guidance(self) -> list[dict[str, Any]]:
        """What there is, and in which stage."""
        answer = _object(await self._get("/guidance"))
        return list(answer["guidance"])

    async def attributes(self, guidance: str) -> dict[str, Any]:
        """The source attributes of a guidance, and whether they are complete."""
        return _object(await self._get(f"/guidance/{guidance}/attributes"))

    async def edit_attribute(
        self, guidance: str, attribute: str, value: str | Mapping[str, Any], *, why: str
    ) -> dict[str, Any]:
        """Record, add or correct one source attribute; answers the edit as it is kept."""
        body = {"attribute": attribute, "value": value, "why": why}
        return _object(await self._post(f"/guidance/{guidance}/attributes", body))

    async def risks(self, guidance: str) -> dict[str, Any]:
        """The risk register of a guidance, and what stands behind each control."""
        return _object(await self._get(f"/guidance/{guidance}/risks"))

    async def model_card(self, guidance: str, *, format: Literal["xml", "markdown"]) -> bytes:  # noqa: A002
        """The model card of a guidance."""
        path = f"/guidance/{guidance}/model-card"
        return await self._get(path if format == "xml" else f"{path}?format=markdown")

    async def ledger(self, *, after: int = 0) -> dict[str, Any]:
        """Entries of the ledger after a number, with the head."""
        return _object(await self._get("/ledger", {"after": after}))

    async def memory(self, *, words: str = "", guidance: str = "", kind: str = "") -> dict[str, Any]:
        """Lines of the memory that hold these words, the best first."""
        return _object(await self._get("/memory", {"words": words, "guidance": guidance, "kind": kind}))

    async def remember(self, note: Mapping[str, Any]) -> dict[str, Any]:
        """Add a note (guidance, kind, text, about, owner, review_on); answers its entry."""
        return _object(await self._post("/memory", note))

    async def cycle_times(self, guidance: str = "") -> dict[str, Any]:
        """How long each part of the way from data to effect takes."""
        return _object(await self._get("/cycle-times", {"guidance": guidance}))

    async def exported_ledger(self) -> bytes:
        """The whole ledger as NDJSON, with its signed heads."""
        return await self._get("/ledger/export")

    async def import_fhir(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Bring in a FHIR package (a Parameters resource of `$import`); answers the PlanDefinition of its proposal."""
        return _object(await self._post("/fhir/$import", parameters))

    async def package_fhir(self, digest: str) -> bytes:
        """A release with all that was decided and found about it, as a FHIR Bundle."""
        return await self._get(f"/fhir/PlanDefinition/{digest.removeprefix('sha256:')[:32]}/$package")

    async def audit(self, *, after: int = 0, who: str = "", since: str = "") -> list[dict[str, Any]]:
        """The record of accesses after a number; of one person or service, or since a moment (RFC 3339)."""
        query: dict[str, float | str] = {"after": after, "who": who, "limit": 10_000}
        if since:
            query["since"] = since
        return list(_object(await self._get("/audit", query))["accesses"])

    async def release(self, digest: str) -> bytes:
        """The packed release; unpack it with `expected_digest`."""
        return await self._get(f"/releases/{digest}")

    async def evidence(self, digest: str) -> bytes:
        """The packed evidence; unpack it with `expected_digest`."""
        return await self._get(f"/evidence/{digest}")

    async def manifests(self, *, after: int = 0, wait: float = 0.0, worker: str = "") -> SignedManifests:
        """All signed manifests. With `wait`, answers as soon as the ledger is past `after`, or when the time is over.

        `worker`: who will serve them, by name; the registry then awaits its confirmation of every change.
        """
        wait = min(max(wait, 0.0), LONGEST_WAIT)
        query: dict[str, float | str] = {"after": after, "wait": wait}
        if worker:
            query["worker"] = worker
        body = await self._get("/manifests", query, seconds=SECONDS + wait)
        return _read(_MANIFESTS, body)

    async def public_keys(self) -> dict[str, Any]:
        """The registry's JWK set. Keep it: a key fetched along with what it signs proves nothing."""
        return _object(await self._get("/keys"))

    async def report(self, aggregates: Sequence[Aggregate]) -> None:
        """Send counts; never patient data."""
        await self._post("/reports", {"aggregates": list(aggregates)})

    async def acknowledge(self, acknowledgements: Sequence[Acknowledgement]) -> None:
        """Say what this worker now does."""
        await self._post("/acknowledgements", {"acknowledgements": list(acknowledgements)})

    async def goodbye(self, worker: str) -> None:
        """Say that this worker ends: it is no longer waited for."""
        await self._post("/workers/gone", {"worker": worker}, seconds=GOODBYE)

    async def confirmation(self, guidance: str) -> dict[str, Any]:
        """Which workers have confirmed the last change of a guidance."""
        return _object(await self._get(f"/deployments/{guidance}/confirmation"))

    async def _get(
        self, path: str, query: Mapping[str, float | str] | None = None, *, seconds: float = SECONDS
    ) -> bytes:
        return await self._ask("GET", path, query=query, seconds=seconds)

    async def _post(self, path: str, body: Mapping[str, Any], *, seconds: float = SECONDS) -> bytes:
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


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(body)
    except msgspec.DecodeError as fault:
        raise _unreadable() from fault
    if not isinstance(value, dict):
        raise _unreadable()
    return value


def _read(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    try:
        return decoder.decode(body)
    except msgspec.DecodeError as fault:
        raise _unreadable() from fault


def _unreadable() -> Unavailable:
    return Unavailable("what answered is not a registry", remedy="Check the registry's address, and its version")
