"""Records for the tests of the decision log: made-up, complete, easy to vary."""

from __future__ import annotations

import uuid
from typing import Any

from services.cds.advice.suppress import Quiet
from services.cds.decisions.decision import Decision
from services.cds.decisions.identity import new_id
from services.cds.decisions.records import Feedback

HOUR = 3_600_000_000
NOON = 1_767_268_800_000_000  # 2026-01-01T12:00:00Z


def decision(**changes: Any) -> Decision:
    """A decision that shows a card, unless changed."""
    number = new_id(changes.get("at", NOON))
    fields: dict[str, Any] = {
        "decision": number,
        "at": NOON,
        "index_at": NOON,
        "guidance": "tea-time",
        "release": "sha256:" + "0" * 64,
        "policy_digest": "sha256:" + "1" * 64,
        "stage": "pilot",
        "hook": "patient-view",
        "hook_instance": str(uuid.uuid4()),
        "patient": "p1",
        "encounter": "e1",
        "user": "Practitioner/u1",
        "status": "shown",
        "risk": 0.25,
        "band": "high",
        "log_odds": -1.0986122886681098,
        "features": {"age": 71.0, "haemoglobin": None},
        "states": {"age": "value", "haemoglobin": "unknown"},
        "contributions": {"age": 0.5, "haemoglobin": -0.01},
        "sources": {"age": "Patient/p1"},
        "card": {"uuid": number, "summary": "Tea"},
        "card_uuid": number,
    }
    return Decision(**(fields | changes))


BANDS = ("emergency", "high", "medium")
"""The worst first."""


def quiet(**changes: Any) -> Quiet:
    """Rules of a policy with three bands: a cool-down of 24 hours, unless changed."""
    return Quiet(**({"bands": BANDS, "cool_down": 24 * HOUR} | changes))


def feedback(**changes: Any) -> Feedback:
    """An accepted card, unless changed."""
    fields: dict[str, Any] = {
        "feedback": uuid.uuid4().hex,
        "service": "tea-time",
        "card_uuid": str(uuid.uuid4()),
        "outcome": "accepted",
        "accepted_suggestions": ["s1"],
        "override_reason": None,
        "comment": None,
        "at": NOON,
        "received_at": NOON,
        "raw": "{}",
    }
    return Feedback(**(fields | changes))
