"""A decision as FHIR R4: GuidanceResponse, RiskAssessment, Provenance, AuditEvent. Pure; every one carries the id of its decision.

They are made when they are asked for; the row is the truth. Each says that an algorithm asserted it (security label AIAST).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from services.cds.decisions.decision import Decision
from services.timeline.instants import instant_text

Resource = dict[str, Any]

AI_ASSERTED: Final = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "AIAST",
    "display": "Artificial Intelligence asserted",
}
GUIDANCE: Final = "urn:knowdo:guidance"
RELEASE: Final = "urn:knowdo:release"
POLICY: Final = "urn:knowdo:policy"
HOOK_INSTANCE: Final = "urn:knowdo:hook-instance"
ISSUER: Final = "urn:knowdo:issuer"
_PROVENANCE_ROLES: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_DEVICE: Final = {"reference": "#device"}

# What the module's answer was (FHIR `guidance-response-status`): unknown required data is asked for, never "success".
_STATUS: Final = {"unknown": "data-required", "abstained": "data-requested", "failed": "failure"}


def guidance_response(decision: Decision) -> Resource:
    """What was computed, with every feature: its value, what is known of it, what it added to the risk."""
    one = decision
    made: Resource = {
        **_head("GuidanceResponse", one),
        "contained": [_device(one), {"resourceType": "Parameters", "id": "output", "parameter": list(_output(one))}],
        "requestIdentifier": {"system": HOOK_INSTANCE, "value": one.hook_instance},
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{one.decision}"}],
        "moduleUri": f"{GUIDANCE}:{one.guidance}",
        "status": _STATUS.get(one.status, "success"),
        "subject": {"reference": f"Patient/{one.patient}"},
        "occurrenceDateTime": instant_text(one.index_at),
        "performer": _DEVICE,
        "outputParameters": {"reference": "#output"},
    }
    if one.encounter:
        made["encounter"] = {"reference": f"Encounter/{one.encounter}"}
    if one.reason:
        made["note"] = [{"text": one.reason}]
    return made


def risk_assessment(decision: Decision) -> Resource | None:
    """Every risk that was computed; None if none was."""
    one = decision
    risks = {name: risk for name, risk in (one.risks or {"risk": one.risk}).items() if risk is not None}
    if not risks:
        return None
    made: Resource = {
        **_head("RiskAssessment", one),
        "contained": [_device(one)],
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{one.decision}"}],
        "status": "final",
        "method": {"text": one.guidance},
        "subject": {"reference": f"Patient/{one.patient}"},
        "occurrenceDateTime": instant_text(one.index_at),
        "performer": _DEVICE,
        "prediction": [_prediction(one, name, risk) for name, risk in risks.items()],
    }
    if one.release:
        made["method"]["coding"] = [{"system": RELEASE, "code": one.release}]
    if one.encounter:
        made["encounter"] = {"reference": f"Encounter/{one.encounter}"}
    if one.sources:
        made["basis"] = [{"reference": source} for source in dict.fromkeys(one.sources.values())]
    return made


def provenance(decision: Decision) -> Resource:
    """Who made the other two, from what, under which policy."""
    one = decision
    targets = ["GuidanceResponse", *(["RiskAssessment"] if risk_assessment(one) is not None else [])]
    entities = [{"role": "source", "what": {"reference": source}} for source in dict.fromkeys(one.sources.values())]
    if one.release:
        entities.append({"role": "derivation", "what": {"identifier": {"system": RELEASE, "value": one.release}}})
    made: Resource = {
        **_head("Provenance", one),
        "contained": [_device(one)],
        "target": [{"reference": f"{kind}/{one.decision}"} for kind in targets],
        "occurredDateTime": instant_text(one.index_at),
        "recorded": instant_text(one.at),
        "policy": [f"{POLICY}:{one.policy_digest}"],
        "reason": [{"coding": [AI_ASSERTED]}],
        "activity": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-DataOperation", "code": "CREATE"}]
        },
        "agent": [{"type": {"coding": [{"system": _PROVENANCE_ROLES, "code": "author"}]}, "who": _DEVICE}],
    }
    if entities:
        made["entity"] = entities
    return made


def audit_event(decision: Decision) -> Resource:
    """That it was asked: by whom, through which client, about whom, and how it ended."""
    one = decision
    agents: list[Resource] = []
    if one.user:
        agents.append({"who": {"reference": one.user}, "requestor": True})
    client: Resource = {"identifier": {"system": ISSUER, "value": one.issuer}} if one.issuer else {"display": "unnamed"}
    if one.tenant:
        client["display"] = one.tenant
    agents.append({"who": client, "requestor": not one.user})
    failed = one.status == "failed"
    made: Resource = {
        **_head("AuditEvent", one),
        "contained": [_device(one)],
        "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
        "subtype": [{"system": "urn:knowdo:hook", "code": one.hook}],
        "action": "E",
        "recorded": instant_text(one.at),
        "outcome": "8" if failed else "0",
        "outcomeDesc": one.status,
        "agent": agents,
        "source": {"observer": _DEVICE},
        "entity": [
            {
                "what": {"reference": f"Patient/{one.patient}"},
                "role": {"system": "http://terminology.hl7.org/CodeSystem/object-role", "code": "1"},
            },
            {
                "what": {"reference": f"GuidanceResponse/{one.decision}"},
                "detail": [{"type": "hookInstance", "valueString": one.hook_instance}],
            },
        ],
    }
    if one.encounter:
        made["entity"].append({"what": {"reference": f"Encounter/{one.encounter}"}})
    return made


VIEWS: Final[Mapping[str, Callable[[Decision], Resource | None]]] = {
    "GuidanceResponse": guidance_response,
    "RiskAssessment": risk_assessment,
    "Provenance": provenance,
    "AuditEvent": audit_event,
}


def _head(kind: str, one: Decision) -> Resource:
    return {
        "resourceType": kind,
        "id": one.decision,
        "meta": {"lastUpdated": instant_text(one.at), "security": [AI_ASSERTED]},
    }


def _device(one: Decision) -> Resource:
    """The guidance as the device that it is; its version is the release's digest."""
    made: Resource = {
        "resourceType": "Device",
        "id": "device",
        "deviceName": [{"name": f"Knowdo {one.guidance}", "type": "model-name"}],
    }
    if one.release:
        made["identifier"] = [{"system": RELEASE, "value": one.release}]
        made["version"] = [{"value": one.release}]
    return made


def _prediction(one: Decision, name: str, risk: float) -> Resource:
    # R4: "Decimal values are expressed as percentages as well (max = 100)."
    made: Resource = {"outcome": {"text": name}, "probabilityDecimal": risk * 100}
    if one.band and (name == "risk" or len(one.risks) < 2):
        made["qualitativeRisk"] = {"text": one.band}
    return made


def _output(one: Decision) -> list[Resource]:
    """What no field of GuidanceResponse holds: FHIR's own way out, a Parameters resource."""
    texts = {
        "outcome": one.status,
        "stage": one.stage,
        "hook": one.hook,
        "band": one.band,
        "suppressedBecause": one.suppressed_because,
        "arm": one.arm,
        "policy": one.policy_digest,
        "card": one.card_uuid,
        "beside": one.beside,
    }
    made: list[Resource] = [{"name": name, "valueString": text} for name, text in texts.items() if text]
    made.append({"name": "armProbability", "valueDecimal": one.arm_probability})
    if one.log_odds is not None:
        made.append({"name": "logOdds", "valueDecimal": one.log_odds})
    made += [{"name": "feature", "part": _feature(one, name)} for name in one.features]
    made += [
        {"name": "milliseconds", "part": [{"name": part, "valueDecimal": spent / 1000}]}
        for part, spent in one.latency.items()
    ]
    return made


def _feature(one: Decision, name: str) -> list[Resource]:
    part: list[Resource] = [{"name": "name", "valueString": name}]
    if (state := one.states.get(name)) is not None:
        part.append({"name": "state", "valueCode": state})
    if (value := one.features[name]) is not None:
        part.append({"name": "value", "valueDecimal": value})
    if (added := one.contributions.get(name)) is not None:
        part.append({"name": "contribution", "valueDecimal": added})
    if (source := one.sources.get(name)) is not None:
        part.append({"name": "source", "valueReference": {"reference": source}})
    return part
