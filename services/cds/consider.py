"""From what is known at the bedside to a decision that is not yet kept: facts, advice, card, lint. No I/O.

Whatever goes wrong in here is the release's fault or ours, never the caller's: it becomes Withheld, and so a 503.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from services.cds.advice.advise import Advice, advise
from services.cds.advice.randomise import Assigned, assign
from services.cds.cards.compose import make_card
from services.cds.cards.form import CardForm
from services.cds.cards.lint import faults_of
from services.cds.clients.profile import Profile
from services.cds.clients.speak import answer_of, speak
from services.cds.decisions.decision import Decision, Status
from services.cds.decisions.identity import new_id
from services.cds.governed.deployed import Deployed
from services.cds.patient.bedside import Bedside
from services.cds.patient.draft_orders import drafts_by_feature
from services.cds.patient.facts import read_facts
from services.cds.schemas import HookRequest
from services.cds.stopwatch import Stopwatch
from services.guidance.errors import MissingPatientData, Unavailable
from services.timeline.errors import BadInput

# What a wrong release or an unforeseen record can raise while it is computed; what is not named here is a 500.
SCORING_FAULTS: Final = (BadInput, Unavailable, ArithmeticError, LookupError, TypeError, ValueError, AttributeError)
_NOTHING_FOUND: Final[Mapping[str, Any]] = {}


class Withheld(Exception):
    """An answer that must not leave: what kind of fault it was, and its reason, without patient data."""

    def __init__(self, kind: str, reason: str) -> None:
        self.kind = kind
        self.reason = reason
        super().__init__(kind, reason)


class Considered(msgspec.Struct, frozen=True, kw_only=True):
    """A decision, `shown` if nothing that was said before silences it; `missing` when the answer is 412."""

    decision: Decision
    missing: MissingPatientData | None = None


def consider(
    deployed: Deployed, request: HookRequest, bedside: Bedside, *, profile: Profile, watch: Stopwatch
) -> Considered:
    """What the deployed guidance decides for this call; Withheld if that cannot be computed or must not be said.

    `profile`: whose dialect the card is put into. What was found so far is gathered, and the decision is made once.
    """
    release, here = deployed.release, deployed.policy
    if release is None or here is None:
        raise Withheld("scoring", "no release is open")
    at = bedside.moment.at
    found: dict[str, Any] = {"latency": watch.parts}
    try:
        facts = read_facts(release, bedside.patient, bedside.moment)
        watch.lap("features")
        found |= {"features": facts.values, "states": facts.states, "sources": facts.sources}
        try:
            advice = advise(release, here, facts, hook=request.hook)
        except MissingPatientData as missing:
            watch.lap("advise")
            unknown = new_decision(
                deployed, request, status="unknown", index_at=at, reason=missing.message, found=found
            )
            # Without its way here: whoever holds this is on it, and would be held by it in turn.
            return Considered(decision=unknown, missing=missing.with_traceback(None))
        watch.lap("advise")
        found |= _advised(advice)
        if advice.verdict != "card":
            return Considered(
                decision=new_decision(
                    deployed, request, status=advice.verdict, index_at=at, reason=advice.reason, found=found
                )
            )
        form, identity = _form(deployed, advice), new_id(time.time_ns() // 1000)
        composed = make_card(
            form,
            advice,
            request,
            card_uuid=identity,
            index_at=at,
            gender=bedside.gender,
            orders=bedside.orders,
            ordered=drafts_by_feature(release, bedside.patient, bedside.moment, bedside.orders),
        )
        card = speak(composed.card, profile, together=composed.together)
        answer = answer_of([card], profile, hook=request.hook, system_actions=composed.system_actions)
    except SCORING_FAULTS as fault:
        raise Withheld("scoring", _said(fault)) from fault
    if faults := faults_of(answer, form.judged):
        raise Withheld("lint", "; ".join(faults[:5]))
    watch.lap("card")
    found |= {
        "decision": identity,
        "card": card,
        "card_uuid": identity,
        "system_actions": answer.get("systemActions") or None,
    }
    rule = f"rule: {advice.suppressed}" if advice.suppressed else ""
    reason = "; ".join(note for note in (rule, advice.reason) if note)
    status: Status = "shown"
    if deployed.manifest.speaks and not _assigned(deployed, request).shows:
        # Before every suppression: what a rule would have done is noted, and both arms are counted alike.
        status = "masked"
    elif rule:
        # Before the stage: in a silent month, too, this card would not have been shown.
        status, found["suppressed_because"] = "suppressed", "rule"
    elif not deployed.manifest.speaks:
        status = "silent"
    return Considered(decision=new_decision(deployed, request, status=status, index_at=at, reason=reason, found=found))


def _form(deployed: Deployed, advice: Advice) -> CardForm:
    if advice.band is None or advice.band.card is None:
        raise Unavailable("there is no card to make", place=deployed.manifest.guidance)
    return deployed.cards[advice.band.card]


def new_decision(
    deployed: Deployed,
    request: HookRequest,
    *,
    status: Status,
    index_at: int,
    reason: str = "",
    found: Mapping[str, Any] = _NOTHING_FOUND,
) -> Decision:
    """A decision about this call; `found`: the fields of it that were computed."""
    manifest = deployed.manifest
    assigned = _assigned(deployed, request)
    at = time.time_ns() // 1000
    return Decision(
        at=at,
        index_at=index_at,
        guidance=manifest.guidance,
        release=manifest.release or "",
        policy_digest=manifest.policy.digest,
        stage=manifest.stage,
        hook=request.hook,
        hook_instance=request.instance,
        patient=request.patient,
        encounter=request.encounter,
        user=request.user,
        issuer=request.caller.iss,
        tenant=request.caller.tenant,
        status=status,
        reason=_noted(reason, request),
        arm=assigned.arm,
        arm_probability=assigned.probability,
        **(found if "decision" in found else {**found, "decision": new_id(at)}),
    )


def _assigned(deployed: Deployed, request: HookRequest) -> Assigned:
    return assign(
        deployed.manifest.in_trial, patient=request.patient, encounter=request.encounter, clinician=request.user
    )


def _noted(reason: str, request: HookRequest) -> str:
    """The reason, with the client's own name of the moment where it has one."""
    return f"{reason}; {request.trigger}" if reason and request.trigger else reason or request.trigger


def _advised(advice: Advice) -> dict[str, Any]:
    return {
        "risk": advice.risk,
        "log_odds": advice.log_odds,
        "risks": advice.risks,
        "band": advice.band.name if advice.band is not None else "",
        "contributions": advice.contributions,
    }


def _said(fault: BaseException) -> str:
    """Our own errors never hold patient data; Python's may, so only their kind and place are told."""
    if isinstance(fault, BadInput | Unavailable):
        return str(fault)
    trace = fault.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" at {trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}" if trace is not None else ""
    return f"{type(fault).__name__}{where}"
