"""A decision: what was computed for one hook call and one guidance, shown or not. It is durable before the answer leaves."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from services.guidance.trial import EVERYONE

Status = Literal[
    "shown", "below-band", "outside", "silent", "masked", "suppressed", "suspended", "abstained", "unknown", "failed"
]
"""Why a card was shown or not.

shown; below-band: no band with a card holds; outside: not the population, or the hook's condition does not hold;
silent: in its silent stage; masked: in an arm of a trial that is not shown; suppressed: said before, snoozed, a rule of
the policy, or over a cap; suspended: stopped, or not approved here; abstained: too much unknown, or no band can be
decided; unknown: required data unknown (412); failed: a fault (503).
"""


LATENCY_PARTS: Final = ("read", "fetch", "features", "advise", "card", "waited")
"""Where the time of a call went, in this order: reading its body, fetching what was missing, features, models and bands,
card, waiting for the writer's turn."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the decision log; times are microseconds since 1970 UTC."""

    decision: str
    """See `identity`; a card's uuid is its decision's id."""
    at: int
    index_at: int
    guidance: str
    release: str
    policy_digest: str
    stage: str
    hook: str
    hook_instance: str
    patient: str
    encounter: str
    user: str
    issuer: str = ""
    """The client that called, as its token named itself; empty in an open service."""
    tenant: str = ""
    status: Status
    reason: str = ""
    suppressed_because: str = ""
    """For `suppressed`, in one word: one of `advice.suppress.SUPPRESSED_BY`."""
    risk: float | None = None
    log_odds: float | None = None
    risks: dict[str, float | None] = msgspec.field(default_factory=dict)
    """Every prediction's risk by its name, the first (`risk`) among them; None where it was not computed."""
    band: str = ""
    features: dict[str, float | None] = msgspec.field(default_factory=dict)
    states: dict[str, str] = msgspec.field(default_factory=dict)
    contributions: dict[str, float] = msgspec.field(default_factory=dict)
    sources: dict[str, str] = msgspec.field(default_factory=dict)
    card: dict[str, object] | None = None
    card_uuid: str = ""
    system_actions: list[dict[str, object]] | None = None
    """What the client was told to do without asking anyone, beside the card; None for nearly all."""
    arm: str = EVERYONE
    """The arm of the trial, in every decision of it, whatever became of the card; `show` where none runs."""
    arm_probability: float = 1.0
    beside: str = ""
    """For what a silent release decided beside one that answered the call: the id of that answer's decision."""
    latency: dict[str, int] = msgspec.field(default_factory=dict)
    """Microseconds by `LATENCY_PARTS`; a part that did not happen is not there."""

    def __repr__(self) -> str:
        """Without the patient, so that no log or traceback holds them."""
        return f"Decision({self.decision!r}, {self.guidance!r}, {self.status!r})"
