"""What is mutated: every example that others wrote, and calls for which each shipped guidance has a card.

Each holds `MARK` where a person's own words stand, so that a leak of them can be seen.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from services.guidance.definition import Guidance
from tests.cds import test_library_diabetes_screening as diabetes
from tests.cds import test_nephrotoxin_aki as nephrotoxin
from tests.cds.bad_input.service import LOADED, Hammered
from tests.cds.patient.test_draft_orders import IBUPROFEN, LISINOPRIL, order
from tests.cds.tea import NOW, bundle, haemoglobin, hook_request, patient
from tests.load.hospital_call import body

MARK: Final = "Zq7Chalmers"
"""Stands for whatever may be said of a person; nothing else contains it."""
WORDS: Final = frozenset({"family", "given", "text", "display", "div", "city", "userComment", "username"})
"""Keys under which examples hold the words of or about a person."""
TEA: Final = "tea-time"


@dataclass(frozen=True, kw_only=True)
class Seed:
    """One good request: to whom, and what."""

    name: str
    guidance: str
    document: Any

    @property
    def path(self) -> str:
        """Where it is posted."""
        return f"/cds-services/{self.guidance}"


def tea_call(keys: Mapping[str, str], *, hook: str = "patient-view", **by_type: Any) -> dict[str, Any]:
    """An old woman with too little haemoglobin: there is a card. `keys`: prefetch key → type."""
    of = f"{MARK}-p1"
    stay = {
        "resourceType": "Encounter", "id": f"{of}-e1", "status": "in-progress", "subject": {"reference": f"Patient/{of}"},
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "period": {"start": "2026-03-01T08:00:00Z"},
    }  # fmt: skip
    results = bundle(
        haemoglobin(8.5, of=of),
        haemoglobin(11.5, of=of, identifier="hb0", at="2026-01-15"),
        haemoglobin(12.5, of=of, identifier="hb-old", at="2025-09-02"),
    )
    found = {"Patient": patient(of, name=[{"family": MARK}]), "Observation": results, "Encounter": stay} | by_type
    return hook_request({key: found.get(kind, bundle()) for key, kind in keys.items()}, hook=hook, of=of)


def cards_of_ours(cds: Hammered) -> list[Seed]:
    """Calls that every deployed guidance answers."""
    keys = cds.keys(TEA)
    found = [
        Seed(name=f"tea {hook}", guidance=TEA, document=tea_call(keys, hook=hook))
        for hook in ("patient-view", "encounter-discharge")
    ]
    now = datetime.fromtimestamp(NOW / 1e6, UTC)
    for name in ("in-hospital-mortality", "readmission-30d", "cardiovascular-prevention"):
        loaded = LOADED[name]
        document = _short(json.loads(body(loaded.definition, loaded.value_sets, 1, now)))
        found += [
            Seed(name=f"{name} {hook}", guidance=name, document=document | {"hook": hook})
            for hook in _hooks(loaded.definition)
        ]
    found.append(Seed(name="diabetes", guidance="diabetes-screening", document=diabetes.request(diabetes.patient())))
    drafts = (order("d1", IBUPROFEN, **nephrotoxin.NAMED), order("d2", LISINOPRIL))
    held = (nephrotoxin.creatinine(1.9), nephrotoxin.diagnosis("N18.3"))
    for hook in ("order-sign", "order-select"):
        call = nephrotoxin.call(*drafts, held=held, hook=hook)
        call["context"] |= {"selections": ["MedicationRequest/d1"]}
        found.append(Seed(name=f"nephrotoxin {hook}", guidance="nephrotoxin-aki", document=call))
    return [_marked(seed) for seed in found]


def examples(cds: Hammered, shared: Path) -> list[Seed]:
    """Each example as it is, and again as the context or the prefetch of a call that is answered."""
    found = []
    for path in sorted((shared / "data" / "cds-hooks").glob("*.json")):
        content = json.loads(path.read_bytes())
        content = content if isinstance(content, dict) else {"odd": content}
        if path.stem.startswith("hooklib_"):
            hook = path.stem.removeprefix("hooklib_").rpartition("_")[0]
            content = {"hook": hook, "hookInstance": str(uuid.UUID(int=len(found))), **content}
        found.append(Seed(name=path.stem, guidance=TEA, document=content))
        guidance = "nephrotoxin-aki" if "order" in path.stem or "medication" in path.stem else "readmission-30d"
        hook = "order-sign" if guidance == "nephrotoxin-aki" else "patient-view"
        context = {"userId": "Practitioner/u", "patientId": "p1", "draftOrders": {}} | _dict(content.get("context"))
        prefetch = dict.fromkeys(cds.keys(guidance), content) | _dict(content.get("prefetch"))
        document = {"hook": hook, "hookInstance": path.stem, "context": context, "prefetch": prefetch}
        found.append(Seed(name=f"{path.stem} to {guidance}", guidance=guidance, document=document))
    return [_marked(seed) for seed in found]


def _hooks(guidance: Guidance) -> list[str]:
    return [entry.hook for entry in guidance.hooks]


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _short(document: dict[str, Any]) -> dict[str, Any]:
    """Without the bulk that EHRs send along: it would take most of the mutations."""
    for answer in document["prefetch"].values():
        if answer and "entry" in answer:
            answer["entry"] = answer["entry"][:8]
            answer["total"] = len(answer["entry"])
    return document


def _marked(seed: Seed) -> Seed:
    copy = json.loads(json.dumps(seed.document))
    _mark(copy)
    return Seed(name=seed.name, guidance=seed.guidance, document=copy)


def _mark(value: Any) -> None:
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if isinstance(inner, str) and key in WORDS:
            value[key] = f"{inner} {MARK}"
        else:
            _mark(inner)
