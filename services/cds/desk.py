"""One call, from request to answer: what may speak, what is known, what it says, what is kept; only then the answer.

The table of the design's section 6 is this file: every way in which no card is shown ends in a decision that says why.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import msgspec

from services.cds.advice.suppress import Quiet
from services.cds.clients.hear import hear
from services.cds.clients.profile import Profile, Profiles
from services.cds.clients.speak import answer_of
from services.cds.consider import Withheld, consider, new_decision
from services.cds.decisions.decision import Decision, Status
from services.cds.decisions.durable import Durable
from services.cds.decisions.override_reason import bounded_code
from services.cds.decisions.records import Feedback
from services.cds.desk_metrics import DeskMetrics
from services.cds.governed.approved import Approved
from services.cds.governed.circuit_breakers import CircuitBreakers
from services.cds.governed.deployed import Deployed
from services.cds.patient.fetch_missing import FetchMissing, reasons
from services.cds.patient.read_call import read_call
from services.cds.schemas import HookRequest
from services.cds.silent_beside import SilentBeside
from services.cds.stopwatch import Stopwatch
from services.guidance.choosing import Call
from services.guidance.errors import Unavailable
from services.plumbing.logs import get_logger
from services.timeline.errors import BadInput

_log = get_logger("cds")


def wall_clock() -> int:
    """Now, in microseconds since 1970 UTC."""
    return time.time_ns() // 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Answers hook calls. `bedside_clock` says what time it is for the patient (a demo's may run apart from ours)."""

    approved: Approved
    durable: Durable
    fetch: FetchMissing
    profiles: Profiles
    metrics: DeskMetrics
    beside: SilentBeside
    breakers: CircuitBreakers = field(default_factory=CircuitBreakers)
    bedside_clock: Callable[[], int] = wall_clock

    async def answer(self, guidance: str, request: HookRequest, watch: Stopwatch | None = None) -> dict[str, Any]:
        """The cards of one guidance for one call; when this returns or raises 412, its decision is durable.

        `watch`: that of the call, if it began before.
        """
        held, watch = self.approved.deployed(guidance), watch or Stopwatch()
        try:
            return await self._answer(held, request, watch)
        finally:
            self.metrics.took(guidance, watch.seconds)

    async def _answer(self, held: Sequence[Deployed], request: HookRequest, watch: Stopwatch) -> dict[str, Any]:
        profile, guidance = self.profiles.named(request.caller.profile), held[0].manifest.guidance
        hooks = frozenset().union(*map(_hooks, held))
        request = hear(request, profile, answered=hooks)
        if request.hook not in hooks:
            raise BadInput(
                "this service does not answer that hook", place="hook", remedy=f"It answers {', '.join(sorted(hooks))}"
            )
        if not request.patient:
            raise BadInput("missing", place="$.context.patientId", remedy="Every service here is about one patient")
        call = Call(site=self.approved.site, tenant=request.caller.tenant, hook=request.hook, patient=request.patient)
        deployed, reason = self.approved.choose(guidance, call)
        if reason:
            await self._silent(deployed, request, status="suspended", reason=reason)
            return answer_of([], profile, hook=request.hook)
        if deployed.release is None or deployed.policy is None:
            raise Unavailable("no release is open", place=deployed.manifest.guidance)
        silent = self.approved.beside(deployed, call) if len(held) > 1 else None
        # What has been read of a call is let go of once it is used; the one beside uses it once more.
        again = request if silent is None else msgspec.structs.replace(request, read=dict(request.read))
        seen = await read_call(deployed.release, request, self.fetch, clock=self.bedside_clock, watch=watch)
        try:
            considered = consider(deployed, request, seen.bedside, profile=profile, watch=watch)
        except Withheld as fault:
            await self._withhold(deployed, request, fault)
        kept = await self._keep(considered.decision, request, quiet=deployed.policy.quiet)
        if silent is not None:
            self.beside.compute(silent, again, answer=kept.decision, known=seen.fetched, profile=profile)
        if considered.missing is not None:
            raise considered.missing.because(reasons(seen.fetched))
        if kept.suppressed_because == "cap":
            self._over_the_cap(kept)
        return _answer(kept, profile)

    def heard(self, guidance: str, said: Iterable[Feedback]) -> None:
        """Count feedback that is new: how often cards are declined, and why."""
        # Labels are bounded: anyone may send feedback for a service that never was, with a reason of their own.
        known = guidance if self.approved.holds(guidance) else "unknown"
        for one in said:
            self.metrics.feedback.labels(known, one.outcome).inc()
            if one.outcome == "overridden":
                self.metrics.overrides.labels(known, bounded_code(one.override_reason)).inc()

    async def _silent(self, deployed: Deployed, request: HookRequest, *, status: Status, reason: str) -> None:
        now = self.bedside_clock()
        await self._keep(new_decision(deployed, request, status=status, reason=reason, index_at=now), request)

    async def _withhold(self, deployed: Deployed, request: HookRequest, fault: Withheld) -> NoReturn:
        """A fault: 503, counted, kept. Nothing may read it as "no risk"."""
        guidance = deployed.manifest.guidance
        self.metrics.faults.labels(guidance, fault.kind).inc()
        _log.error(
            "answer withheld",
            guidance=guidance,
            release=deployed.manifest.release,
            kind=fault.kind,
            reason=fault.reason,
        )
        await self._silent(deployed, request, status="failed", reason=f"{fault.kind}: {fault.reason}")
        raise Unavailable(
            "this guidance could not be computed for this call",
            place=guidance,
            remedy="Do not read this as an absence of risk; the service's log says more",
        ) from fault

    def _over_the_cap(self, kept: Decision) -> NoReturn:
        """A card was due and must not be shown: 503, for an empty answer would read as "nothing to say"."""
        until = self.breakers.met(kept.guidance, reason=kept.reason, policy=kept.policy_digest)
        self.metrics.faults.labels(kept.guidance, "circuit breaker").inc()
        raise Unavailable(
            f"circuit breaker open until {until.isoformat()}: more cards are due than the policy allows in an hour",
            place=kept.guidance,
            remedy="Do not read this as an absence of risk; whoever runs the service has been told",
        )

    async def _keep(self, decision: Decision, request: HookRequest, *, quiet: Quiet | None = None) -> Decision:
        token = request.caller.token
        try:
            kept = await self.durable.decision(decision, quiet=quiet, jti=token.jti if token else "")
        except Unavailable:
            self.metrics.faults.labels(decision.guidance, "not durable").inc()
            raise
        self.metrics.decided(kept)
        if kept.status == "suppressed":
            self.metrics.suppressed.labels(kept.guidance, kept.suppressed_because).inc()
        return kept


def _hooks(deployed: Deployed) -> frozenset[str]:
    """The hooks that the service answers; the release says which, and without one the manifest."""
    release = deployed.release
    return frozenset([entry.hook for entry in release.guidance.hooks] if release else deployed.manifest.where.hooks)


def _answer(kept: Decision, profile: Profile) -> dict[str, Any]:
    """What leaves: the card as it was kept, if it is to be shown."""
    if kept.status != "shown" or kept.card is None:
        return answer_of([], profile, hook=kept.hook)
    return answer_of([kept.card], profile, hook=kept.hook, system_actions=kept.system_actions or ())
