"""An entry of the ledger as AuditEvent: who did what, to what, when; the chain's hashes in extensions.

Source: FHIR R4 AuditEvent; DICOM's code for an application activity.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from services.registry.decisions.blind import WITHHELD
from services.registry.fhir.held import Place
from services.registry.fhir.names import (
    LEDGER_ACTION,
    LEDGER_HASH,
    LEDGER_PREVIOUS,
    RELEASE,
    REVIEWED,
    SUBJECT,
    URI,
    Resource,
    extension,
)

_CREATES: Final = frozenset(
    {"proposed", "evidence added", "trial filed", "person added", "imported", "derived", REVIEWED}
)


def audit_event(entry: Mapping[str, Any], place: Place) -> Resource:
    """One entry, with all that it says; of one that is withheld its hashes, and why the rest is not there."""
    subject = str(entry["subject"])
    told = {WITHHELD: entry[WITHHELD]} if WITHHELD in entry else entry["detail"]
    details = [{"type": name, "valueString": _text(value)} for name, value in told.items() if _text(value)]
    entity: Resource = {
        "what": {"identifier": {"system": RELEASE if subject.startswith("sha256:") else SUBJECT, "value": subject}}
    }
    if details:
        entity["detail"] = details
    return {
        "resourceType": "AuditEvent",
        "id": str(entry["number"]),
        "meta": {"versionId": "0" if WITHHELD in entry else "1", "lastUpdated": entry["at"]},
        "extension": [
            extension(LEDGER_HASH, valueString=entry["hash"]),
            extension(LEDGER_PREVIOUS, valueString=entry["prev"]),
        ],
        "type": {
            "system": "http://dicom.nema.org/resources/ontology/DCM",
            "code": "110100",
            "display": "Application Activity",
        },
        "subtype": [{"system": LEDGER_ACTION, "code": entry["action"]}],
        "action": "C" if entry["action"] in _CREATES else "U",
        "recorded": entry["at"],
        "outcome": "0",
        "agent": [
            {
                "role": [{"text": role} for role in str(entry["role"]).split(",") if role] or [{"text": "unknown"}],
                "who": {"display": entry["actor"] or WITHHELD},
                "requestor": True,
            }
        ],
        "source": {"observer": {"identifier": {"system": URI, "value": place.issuer}, "display": "Knowdo registry"}},
        "entity": [entity],
    }


def _text(value: object) -> str:
    """A detail as text; lists and objects as their parts."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_text(one)}" for name, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return str(value)
