"""The tiny guidance `tea-time` as a release, and hook requests about its patients."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.guidance.check import load_guidance
from services.guidance.release import ReleaseBundle, build_release
from services.guidance.trial import Arm, Trial, Unit

FOLDER = Path(__file__).parent / "tea-time"
NOW = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp() * 1e6)
"""What time it is at the bedside."""

# Two steps by hand: old age adds 2 to the log-odds, low haemoglobin adds 1; the base rate is about 12 %.
MODEL: dict[str, Any] = {
    "kind": "scorecard",
    "inputs": ["age", "hb"],
    "intercept": -2.5,
    "linear": [],
    "steps": [
        {"input": 0, "cuts": [50.0, 70.0], "values": [0.0, 1.0, 2.0], "missing": 0.0},
        {"input": 1, "cuts": [10.0], "values": [1.0, 0.0], "missing": 0.25},
    ],
    "pairs": [],
    "calibration": {"intercept": 0.0, "slope": 1.0},
    "reference": {"name": "made-up people", "linear": [], "steps": [0.5, 0.25], "pairs": []},
}
REFERENCE = {"name": "made-up people, 2025", "base_rate": 0.12, "n": 1000, "events": 120, "inputs": {}}


def tea_bundle(**changes: Any) -> ReleaseBundle:
    """The release; `changes` to the model make another one."""
    return build_release(load_guidance(FOLDER), json.dumps(MODEL | changes).encode(), REFERENCE)


def withheld(weight: int, *, of: int, unit: Unit = "patient", trial: str = "tea-1") -> Trial:
    """A trial in which so many of so many see nothing."""
    arms = (
        Arm(name="withheld", weight=weight, shows=False),
        *([Arm(name="show", weight=of - weight, shows=True)] if of > weight else []),
    )
    return Trial(id=trial, unit=unit, seed="ab" * 32, arms=arms)


def patient(identifier: str = "p1", *, birth: str = "1940-05-01", **more: Any) -> dict[str, Any]:
    """An old woman, unless changed."""
    return {"resourceType": "Patient", "id": identifier, "birthDate": birth, "gender": "female", **more}


def haemoglobin(value: float, *, of: str = "p1", identifier: str = "hb1", at: str = "2026-02-28") -> dict[str, Any]:
    """One laboratory result."""
    return {
        "resourceType": "Observation",
        "id": identifier,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]},
        "subject": {"reference": f"Patient/{of}"},
        "effectiveDateTime": at,
        "valueQuantity": {"value": value, "unit": "g/dL", "system": "http://unitsofmeasure.org", "code": "g/dL"},
    }


def bundle(*resources: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A searchset."""
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources], **more}


def hook_request(
    prefetch: dict[str, Any], *, hook: str = "patient-view", of: str = "p1", **more: Any
) -> dict[str, Any]:
    """A call about one patient."""
    context = {"userId": "Practitioner/u1", "patientId": of, "encounterId": f"{of}-e1"}
    return {"hook": hook, "hookInstance": str(uuid.uuid4()), "context": context, "prefetch": prefetch, **more}
