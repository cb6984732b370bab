"""One release as anyone may read it: what it is, what was found about it, who agreed. A card links here.

It needs no account, if the organisation so sets. Votes on an open step show who has voted, not how.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from services.guidance.definition import Guidance, Outcome
from services.guidance.errors import NotFound
from services.guidance.evidence import Evaluation, Judged
from services.guidance.policies import POLICIES, Policy
from services.guidance.words.alert_wording import alerts_right_sentence
from services.guidance.words.bedside_wording import at_the_bedside
from services.guidance.words.memory_wording import told
from services.guidance.words.wording import INTERVAL_NOTE, Sample, base, discrimination, overall_accuracy, weighed
from services.registry.console.shell import page_router, render
from services.registry.decisions import blind, gates, proposals, trials, votes
from services.registry.decisions.proposals import Proposal
from services.registry.deployed.deployments import of_guidance
from services.registry.desk import DeskDep
from services.registry.memory import ledger
from services.registry.transparency.readers import PublicReader

router = page_router()


@router.get("/releases/{digest}/page")
async def evidence_page(digest: str, request: Request, desk: DeskDep, visitor: PublicReader) -> Response:
    """What one release is, what was found about it, who agreed; readable by anyone, if the organisation so sets."""
    now = desk.now()
    policy, facts = await desk.read(lambda connection: _evidence(connection, digest, desk.policy, now))
    return await render("evidence.html.j2", request, visitor, policy=policy, **facts)


def _evidence(connection: Connection, digest: str, policy: Policy, now: datetime) -> tuple[Policy, dict[str, Any]]:
    proposal = proposals.by_release(connection, digest)
    if proposal is None:
        raise NotFound(
            "no such release here", place=digest[:80], remedy="Follow the link of a card, or ask the registry"
        )
    guidance = proposals.definition_of(connection, digest)
    packs = proposals.latest_packs(connection, digest)
    withheld = blind.withheld_from(connection, None)
    evaluation = gates.read_evaluation(packs["training"]) if "training" in packs else None
    silent = gates.read_silent(packs["silent"]) if "silent" in packs else None
    # What was agreed under the demo policy says so, whatever policy the registry runs under today.
    named = {one.policy for one in of_guidance(connection, proposal.guidance) if one.proposal == proposal.id}
    shown_policy = POLICIES["demo"] if "demo" in named else policy
    return shown_policy, {
        "proposal": proposal,
        "guidance": guidance,
        "evaluation": evaluation,
        "silent": silent,
        "silent_right": alerts_right_sentence(guidance.outcome, silent) if silent is not None else "",
        "silent_bedside": tuple(at_the_bedside(silent.bedside)) if silent is not None and silent.bedside else (),
        "sentences": _sentences(guidance, evaluation, shown_policy),
        "others": _others(guidance, evaluation, shown_policy),
        "steps": _steps(connection, proposal, policy, now),
        "votes": _decided_votes(connection, proposal),
        "entries": [
            {**entry, "said": told(entry, openly=False)}
            for entry in (blind.entry_told(one, withheld) for one in ledger.entries_about(connection, [digest]))
        ],
        "filed": proposals.filed_for(connection, digest),
        "trial": trials.in_force(connection, proposal.id),
    }


def _sentences(guidance: Guidance, evaluation: Evaluation | None, policy: Policy) -> dict[str, str]:
    if evaluation is None:
        return {}
    sample = _sample(evaluation, policy)
    return _said_of(guidance.outcome, evaluation, sample) | {"interval": INTERVAL_NOTE}


def _others(guidance: Guidance, evaluation: Evaluation | None, policy: Policy) -> list[dict[str, Any]]:
    """The further predictions: what was found of each, in words and as a table."""
    if evaluation is None:
        return []
    sample = _sample(evaluation, policy)
    return [
        {
            "label": prediction.label,
            "judged": evaluation.predictions[name],
            "sentences": _said_of(prediction.outcome, evaluation.predictions[name], sample),
        }
        for name, prediction in guidance.predictions.items()
        if name in evaluation.predictions
    ]


def _sample(evaluation: Evaluation, policy: Policy) -> Sample:
    period = f"data from {evaluation.since[:10]} to {evaluation.until[:10]}"
    return Sample(data=period, kind="synthetic" if policy.name == "demo" else "patients")


def _said_of(outcome: Outcome, judged: Judged, sample: Sample) -> dict[str, str]:
    """What was found of one prediction; a published score that could not be judged says so instead."""
    score, model = judged.published, judged.model
    said = {}
    if score is not None:
        fitted = judged.chosen == "recalibrated"
        said["published"] = weighed(mean_risk=score.mean_risk, scored=score.scored, recalibrated=fitted)
    if model is None:
        return said | {"unevaluated": judged.unevaluated}
    rate = judged.events / max(judged.rows, 1)
    return said | {
        "base": base(outcome, sample, events=judged.events, people=judged.rows),
        "discrimination": discrimination(auroc=model.auroc, interval=model.auroc_ci),
        "accuracy": overall_accuracy(brier=model.brier, base_rate=rate),
        **({"price": judged.price_of_glass_box.sentence} if judged.price_of_glass_box is not None else {}),
    }


def _steps(connection: Connection, proposal: Proposal, policy: Policy, now: datetime) -> list[dict[str, Any]]:
    """The next step, and how far it is; stepping out is always possible and not shown."""
    shown = []
    for to in [to for to in votes.steps_from(proposal.state) if to != "retired"][:1]:
        standing = votes.stand(connection, proposal, to, policy=policy, now=now)
        decision = standing.decision
        voted = (*decision.counted, *decision.rejected_by, *decision.unconvinced, *decision.dissent)
        verdicts = [check.verdict for check in standing.checks_of_facts]
        shown.append(
            {
                "to": to,
                "checks": standing.checks_of_facts,
                "meets": verdicts.count("meets"),
                "fails": verdicts.count("does not meet"),
                "unsure": verdicts.count("cannot tell"),
                "voted": sorted(f"{vote.person} ({vote.role})" for vote in voted),
                "missing": decision.unheard({vote.role for vote in voted}),
            }
        )
    return shown


def _decided_votes(connection: Connection, proposal: Proposal) -> list[dict[str, str]]:
    return [
        {
            "at": kept.at,
            "transition": kept.vote.transition,
            "role": kept.vote.role,
            "person": kept.vote.person,
            "vote": kept.vote.vote,
            "reason": kept.reason,
        }
        for kept in votes.kept_for(connection, proposal.id)
        if kept.vote.round < proposal.round
    ]
