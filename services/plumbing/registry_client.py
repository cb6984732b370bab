"""The door to the registry: one client over HTTP between containers and over `httpx.ASGITransport` in one process.

It carries bytes and signed text; it verifies nothing and trusts nothing: `guidance.release.unpack` and
`plumbing.keys.verify` do that where the bytes are used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from services.plumbing.registry_exchange import SECONDS, Exchange, object_in, read_as
from services.plumbing.registry_messages import Acknowledgement, Aggregate, Proposed, SignedManifests, VoteChoice

GOODBYE: Final = 1.0  # a service that ends does not wait for a registry that is gone
LONGEST_WAIT: Final = 55.0  # below the minute after which proxies cut a silent connection

_MANIFESTS: Final = msgspec.json.Decoder(SignedManifests)
_PROPOSED: Final = msgspec.json.Decoder(Proposed)


class RegistryClient(Exchange):
    """What the CDS, the learner and the command line ask of a registry. `http` has the registry's base URL."""

    async def propose(self, release: bytes, evidence: Sequence[bytes] = (), *, author: str, note: str = "") -> Proposed:
        """Offer a packed release and its packed evidence; the same release twice is one proposal."""
        body = {"release": release, "evidence": list(evidence), "author": author, "note": note}
        return read_as(_PROPOSED, await self.post("/proposals", body))

    async def add_evidence(self, proposal: str, pack: bytes) -> str:
        """Add one packed evidence pack to a proposal; answers its digest."""
        answer = await self.post(f"/proposals/{proposal}/evidence", {"evidence": pack})
        return str(object_in(answer)["evidence"])

    async def file_trial(self, proposal: str, plan: Mapping[str, Any]) -> dict[str, Any]:
        """File a trial (id, unit, arms) for a proposal; answers it with the digest that votes must name."""
        return object_in(await self.post(f"/proposals/{proposal}/trial", plan))

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
        return object_in(await self.post(f"/proposals/{proposal}/votes", body))

    async def close_condition(self, proposal: str, number: int, *, how: str) -> dict[str, Any]:
        """Say that a condition of an approval is met, and how."""
        return object_in(await self.post(f"/proposals/{proposal}/conditions/{number}/close", {"how": how}))

    async def tasks(self) -> dict[str, Any]:
        """What waits for whoever holds the token, and the rules by which it was looked for."""
        return object_in(await self.get("/tasks"))

    async def ask(self, proposal: str, text: str, *, role: str, blocking: bool = False) -> dict[str, Any]:
        """Put a question; a blocking one holds every step up until it is closed."""
        body = {"text": text, "role": role, "blocking": blocking}
        return object_in(await self.post(f"/proposals/{proposal}/questions", body))

    async def reply(self, proposal: str, number: int, text: str) -> dict[str, Any]:
        """Answer a question."""
        return object_in(await self.post(f"/proposals/{proposal}/questions/{number}/replies", {"text": text}))

    async def close_question(self, proposal: str, number: int, *, how: str) -> dict[str, Any]:
        """Say that a question is answered, and how."""
        return object_in(await self.post(f"/proposals/{proposal}/questions/{number}/close", {"how": how}))

    async def declare_rollback(self, proposal: str, fallback: str, *, reason: str) -> dict[str, Any]:
        """Declare what speaks if the release must be taken back: a digest, or `none`."""
        body = {"fallback": fallback, "reason": reason}
        return object_in(await self.post(f"/proposals/{proposal}/rollback", body))

    async def suspend(self, guidance: str, *, reason: str = "", release: str = "", site: str = "") -> dict[str, Any]:
        """Stop every release of this guidance, only that one, or what speaks at that site, at once."""
        body = {"reason": reason, "release": release, "site": site}
        return object_in(await self.post(f"/deployments/{guidance}/suspend", body))

    async def deploy(self, guidance: str, release: str, **placement: Any) -> dict[str, Any]:
        """Decide where a release speaks: `sites`, `tenants`, `hooks`, `stage`, `share` (%), `starts_at`, `ends_at`, `fallback`."""
        return object_in(await self.post("/deployments", {"guidance": guidance, "release": release, **placement}))

    async def deployments(self) -> list[dict[str, Any]]:
        """Where everything runs."""
        return list(object_in(await self.get("/deployments"))["deployments"])

    async def reasons_due(self) -> list[dict[str, Any]]:
        """Stops that owe their reason."""
        return list(object_in(await self.get("/reasons-due"))["due"])

    async def give_reason(self, guidance: str, reason: str) -> dict[str, Any]:
        """Say why a guidance was stopped."""
        return object_in(await self.post(f"/deployments/{guidance}/reason", {"reason": reason}))

    async def overlay(self, guidance: str) -> dict[str, Any]:
        """What holds at which site."""
        return object_in(await self.get(f"/overlays/{guidance}"))

    async def set_overlay(self, guidance: str, site: str, part: Mapping[str, Any]) -> dict[str, Any]:
        """Decide what holds at a site (`*`: all); an empty part takes it back."""
        return object_in(await self._ask("PUT", f"/overlays/{guidance}/{site}", content=msgspec.json.encode(part)))

    async def proposals(self) -> list[dict[str, Any]]:
        """All proposals, the newest first."""
        answer = object_in(await self.get("/proposals"))
        return list(answer["proposals"])

    async def proposal(self, proposal: str) -> dict[str, Any]:
        """One proposal with its evidence, votes, and what the next step still needs."""
        return object_in(await self.get(f"/proposals/{proposal}"))

    async def guidance(self) -> list[dict[str, Any]]:
        """What there is, and in which stage."""
        answer = object_in(await self.get("/guidance"))
        return list(answer["guidance"])

    async def attributes(self, guidance: str) -> dict[str, Any]:
        """The source attributes of a guidance, and whether they are complete."""
        return object_in(await self.get(f"/guidance/{guidance}/attributes"))

    async def edit_attribute(
        self, guidance: str, attribute: str, value: str | Mapping[str, Any], *, why: str
    ) -> dict[str, Any]:
        """Record, add or correct one source attribute; answers the edit as it is kept."""
        body = {"attribute": attribute, "value": value, "why": why}
        return object_in(await self.post(f"/guidance/{guidance}/attributes", body))

    async def risks(self, guidance: str) -> dict[str, Any]:
        """The risk register of a guidance, and what stands behind each control."""
        return object_in(await self.get(f"/guidance/{guidance}/risks"))

    async def model_card(self, guidance: str, *, format: Literal["xml", "markdown"]) -> bytes:  # noqa: A002
        """The model card of a guidance."""
        path = f"/guidance/{guidance}/model-card"
        return await self.get(path if format == "xml" else f"{path}?format=markdown")

    async def ledger(self, *, after: int = 0) -> dict[str, Any]:
        """Entries of the ledger after a number, with the head."""
        return object_in(await self.get("/ledger", {"after": after}))

    async def memory(self, *, words: str = "", guidance: str = "", kind: str = "") -> dict[str, Any]:
        """Lines of the memory that hold these words, the best first."""
        return object_in(await self.get("/memory", {"words": words, "guidance": guidance, "kind": kind}))

    async def remember(self, note: Mapping[str, Any]) -> dict[str, Any]:
        """Add a note (guidance, kind, text, about, owner, review_on); answers its entry."""
        return object_in(await self.post("/memory", note))

    async def cycle_times(self, guidance: str = "") -> dict[str, Any]:
        """How long each part of the way from data to effect takes."""
        return object_in(await self.get("/cycle-times", {"guidance": guidance}))

    async def exported_ledger(self) -> bytes:
        """The whole ledger as NDJSON, with its signed heads."""
        return await self.get("/ledger/export")

    async def import_fhir(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Bring in a FHIR package (a Parameters resource of `$import`); answers the PlanDefinition of its proposal."""
        return object_in(await self.post("/fhir/$import", parameters))

    async def package_fhir(self, digest: str) -> bytes:
        """A release with all that was decided and found about it, as a FHIR Bundle."""
        return await self.get(f"/fhir/PlanDefinition/{digest.removeprefix('sha256:')[:32]}/$package")

    async def audit(self, *, after: int = 0, who: str = "", since: str = "") -> list[dict[str, Any]]:
        """The record of accesses after a number; of one person or service, or since a moment (RFC 3339)."""
        query: dict[str, float | str] = {"after": after, "who": who, "limit": 10_000}
        if since:
            query["since"] = since
        return list(object_in(await self.get("/audit", query))["accesses"])

    async def release(self, digest: str) -> bytes:
        """The packed release; unpack it with `expected_digest`."""
        return await self.get(f"/releases/{digest}")

    async def evidence(self, digest: str) -> bytes:
        """The packed evidence; unpack it with `expected_digest`."""
        return await self.get(f"/evidence/{digest}")

    async def manifests(self, *, after: int = 0, wait: float = 0.0, worker: str = "") -> SignedManifests:
        """All signed manifests. With `wait`, answers as soon as the ledger is past `after`, or when the time is over.

        `worker`: who will serve them, by name; the registry then awaits its confirmation of every change.
        """
        wait = min(max(wait, 0.0), LONGEST_WAIT)
        query: dict[str, float | str] = {"after": after, "wait": wait}
        if worker:
            query["worker"] = worker
        body = await self.get("/manifests", query, seconds=SECONDS + wait)
        return read_as(_MANIFESTS, body)

    async def public_keys(self) -> dict[str, Any]:
        """The registry's JWK set. Keep it: a key fetched along with what it signs proves nothing."""
        return object_in(await self.get("/keys"))

    async def report(self, aggregates: Sequence[Aggregate]) -> None:
        """Send counts; never patient data."""
        await self.post("/reports", {"aggregates": list(aggregates)})

    async def acknowledge(self, acknowledgements: Sequence[Acknowledgement]) -> None:
        """Say what this worker now does."""
        await self.post("/acknowledgements", {"acknowledgements": list(acknowledgements)})

    async def goodbye(self, worker: str) -> None:
        """Say that this worker ends: it is no longer waited for."""
        await self.post("/workers/gone", {"worker": worker}, seconds=GOODBYE)

    async def confirmation(self, guidance: str) -> dict[str, Any]:
        """Which workers have confirmed the last change of a guidance."""
        return object_in(await self.get(f"/deployments/{guidance}/confirmation"))
