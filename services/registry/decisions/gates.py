"""The gates: what must be so before a release may move, as checked facts with numbers, never as a tick box.

Three answers: meets, does not meet, cannot tell. An interval that crosses its limit cannot tell; what is missing does
not meet. Nothing here is an opinion, and no flag skips a check: a policy only says how small a sample may be. Each part
of the gate has a file of its own, and stands once in `GATES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.guidance.definition import Guidance
from services.guidance.evidence import Kind
from services.guidance.lifecycle import Check, State
from services.guidance.policies import Policy
from services.guidance.release import EvidencePack
from services.registry.decisions.checked import within
from services.registry.decisions.gate_facts import Gate, GateFacts, Surroundings
from services.registry.decisions.readiness_gate import readiness_gate
from services.registry.decisions.registration_gate import registration_gate
from services.registry.decisions.reports import read_evaluation, read_silent, read_trial_report
from services.registry.decisions.review_gate import review_gate
from services.registry.decisions.silent_gate import silent_gate
from services.registry.decisions.subgroup_gate import subgroup_gate
from services.registry.decisions.talk_gate import talk_gate
from services.registry.decisions.tested_here_gate import tested_here_gate
from services.registry.decisions.training_gate import training_gate
from services.registry.decisions.transparency_gate import transparency_gate
from services.registry.decisions.trial_gate import trial_gate

__all__ = ["GATES", "check_gate", "read_evaluation", "read_silent", "read_trial_report", "within"]

GATES: Final[tuple[Gate, ...]] = (
    registration_gate,
    training_gate,
    silent_gate,
    subgroup_gate,
    trial_gate,
    readiness_gate,
    review_gate,
    talk_gate,
    tested_here_gate,
    transparency_gate,
)
"""Every part, in the order in which a reader goes through them."""


def check_gate(
    to: State,
    *,
    guidance: Guidance,
    release: str,
    packs: Mapping[Kind, EvidencePack],
    policy: Policy,
    around: Surroundings | None = None,
) -> tuple[Check, ...]:
    """Every check of the gate before `to`, on the latest evidence pack of each kind; without `around` nothing is filed."""
    facts = GateFacts(
        to=to,
        guidance=guidance,
        release=release,
        packs=packs,
        policy=policy,
        around=around if around is not None else Surroundings(),
    )
    return tuple(check for gate in GATES for check in gate(facts))
