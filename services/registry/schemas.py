"""What the registry's API takes and gives, as types. Bytes travel as base64 in JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Final

import msgspec

from services.guidance.lifecycle import RUNNING, Check, Choice, State, Vote
from services.guidance.trial import TrialPlan
from services.plumbing.registry_messages import Acknowledgement, Aggregate
from services.registry.decisions.proposals import Filed, Proposal
from services.registry.decisions.votes import Kept, Standing
from services.registry.deployed.leases import SignedList
from services.registry.tables import instant_text

# Control characters but tab and line ends have no business in a reason, and PostgreSQL takes no NUL.
_PLAIN: Final = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
_Text = Annotated[str, msgspec.Meta(max_length=4000, pattern=_PLAIN)]
_Line = Annotated[str, msgspec.Meta(max_length=1000, pattern=_PLAIN)]
_Short = Annotated[str, msgspec.Meta(max_length=200, pattern=_PLAIN)]


class ProposeBody(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /proposals`."""

    release: bytes
    author: _Short
    evidence: list[bytes] = []
    note: _Text = ""


class EvidenceBody(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /proposals/{id}/evidence`."""

    evidence: bytes


class ConditionBody(msgspec.Struct, forbid_unknown_fields=True):
    """What must be so, before this step (`blocking`) or before the next one; `closes`: the role that may say that it is."""

    text: _Line
    closes: _Short = ""
    blocking: bool = True


class VoteBody(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /proposals/{id}/votes`."""

    transition: State
    role: _Short
    vote: Choice
    release: _Short
    evidence: list[_Short] = []
    reason: _Text = ""
    accepts: list[_Short] = []
    plans: dict[_Short, _Text] = {}
    conditions: Annotated[list[ConditionBody], msgspec.Meta(max_length=20)] = []
    conflict: _Line = ""


class SuspendBody(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /deployments/{guidance}/suspend`. The reason may follow within 24 hours; a stop waits for no words."""

    reason: _Text = ""
    release: _Short = ""
    site: _Short = ""


class ReportBody(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /reports`."""

    aggregates: list[Aggregate]


class AcknowledgementBody(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /acknowledgements`."""

    acknowledgements: list[Acknowledgement]


PROPOSE: Final = msgspec.json.Decoder(ProposeBody)
EVIDENCE: Final = msgspec.json.Decoder(EvidenceBody)
VOTE: Final = msgspec.json.Decoder(VoteBody)
PLAN: Final = msgspec.json.Decoder(TrialPlan)
SUSPEND: Final = msgspec.json.Decoder(SuspendBody)
REPORT: Final = msgspec.json.Decoder(ReportBody)
ACKNOWLEDGEMENT: Final = msgspec.json.Decoder(AcknowledgementBody)


def signed_shown(signed: SignedList) -> dict[str, Any]:
    """`GET /manifests`."""
    head = {"number": signed.head.number, "hash": signed.head.hash}
    return {"head": head, "manifests": list(signed.manifests)}


def proposal_shown(proposal: Proposal) -> dict[str, Any]:
    """One proposal in a list."""
    return {
        "proposal": proposal.id,
        "release": proposal.release,
        "guidance": proposal.guidance,
        "state": proposal.state,
        "author": proposal.author,
        "authors": list(proposal.authors),
        "note": proposal.note,
        "added_at": proposal.added_at,
        "changed_at": proposal.changed_at,
        "review_by": proposal.review_by if proposal.state in RUNNING else "",
        "review_overdue": bool(proposal.overdue_entered) and proposal.overdue_entered == proposal.review_by,
    }


def evidence_shown(filed: Filed) -> dict[str, Any]:
    """One evidence pack in a list."""
    return {"evidence": filed.digest, "kind": filed.kind, "added_by": filed.added_by, "added_at": filed.added_at}


def kept_shown(kept: Kept) -> dict[str, Any]:
    """One vote as kept."""
    return {**vote_shown(kept.vote), "reason": kept.reason, "at": kept.at, "ledger": kept.ledger_number}


def vote_shown(vote: Vote) -> dict[str, Any]:
    """One vote as the rules see it."""
    return {
        "person": vote.person,
        "role": vote.role,
        "vote": vote.vote,
        "transition": vote.transition,
        "release": vote.release,
        "evidence": sorted(vote.evidence),
        "accepts": sorted(vote.accepts),
        "plans": dict(vote.plans),
        "conflict": vote.conflict,
        "expires_at": None if vote.expires is None else instant_text(vote.expires),
        "round": vote.round,
    }


def check_shown(check: Check) -> dict[str, Any]:
    """One checked fact, with its numbers and the evidence that it rests on."""
    return {
        "name": check.name,
        "asked": check.asked,
        "found": check.found,
        "verdict": check.verdict,
        "numbers": dict(check.numbers),
        "evidence": check.evidence,
        "accepted_by": sorted(check.accepted_by),
        "asks_plan": check.asks_plan,
    }


def standing_shown(standing: Standing) -> dict[str, Any]:
    """How far a proposal is on one step, and everything in its way."""
    decision = standing.decision
    return {
        "to": decision.to,
        "passes": decision.passes,
        "refusal": decision.refusal,
        "needed_roles": list(decision.needed_roles),
        "one_of": list(decision.one_of),
        "quorum": {
            **standing.quorum,
            "lines": [asdict(line) for line in standing.update.lines] if standing.update else [],
        },
        "agreed": {vote.role: vote.person for vote in decision.counted},
        "missing_roles": list(decision.missing_roles),
        "rejected_by": [vote_shown(vote) for vote in decision.rejected_by],
        "unconvinced": [vote_shown(vote) for vote in decision.unconvinced],
        "dissent": [vote_shown(vote) for vote in decision.dissent],
        "not_counted": [{**vote_shown(vote), "why": why} for vote, why in decision.not_counted],
        "checks": [check_shown(check) for check in standing.checks],
        "failed_checks": [check.name for check in decision.failed_checks],
    }
