"""What is posted, as JSON Schema: a hook call, feedback, the parameters of an export.

Strict where `schemas`, `feedback` and `export_api` are strict, open where they are lenient; the contexts of the hooks come
from their table, so that a hook that is added there is described here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from services.cds.decisions.feedback import MOST, OUTCOMES, REASON_KEYS
from services.guidance.hooks import HOOKS, ContextField, Hook, Kind

Schema = dict[str, Any]

_RESOURCE: Final[Schema] = {"type": "object", "description": "A FHIR R4 resource, read leniently."}
_REFERENCE: Final[Schema] = {"type": "string", "minLength": 1, "examples": ["Practitioner/123"]}
_KINDS: Final[Mapping[Kind, Schema]] = {
    "id": {
        "type": "string",
        "pattern": "^(https?://[^ ]+/)?([A-Z][A-Za-z]+/)?[A-Za-z0-9._-]{1,256}$",
        "description": "An id of up to 256 characters, for Epic's are long; `Type/id` and a whole URL are understood.",
        "examples": ["1288992"],
    },
    "reference": _REFERENCE,
    "references": {"anyOf": [_REFERENCE, {"type": "array", "items": _REFERENCE}]},
    "bundle": {"type": "object", "description": "A Bundle; its type may lack."},
    "resource": _RESOURCE,
    "resources": {"anyOf": [_RESOURCE, {"type": "array", "items": _RESOURCE}]},
}

_BESIDE: Final[Mapping[str, Schema]] = {
    "hookInstance": {
        "type": "string",
        "pattern": "^[\\x20-\\x7e]{1,128}$",
        "description": "A UUID by the specification; any short text of printable ASCII is taken.",
        "examples": ["d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"],
    },
    "prefetch": {
        "type": ["object", "null"],
        "description": "The keys that discovery lists. A key left out was not asked for: it is fetched from `fhirServer`. "
        "`null` and an empty searchset say that there is nothing, an OperationOutcome that it failed.",
        "additionalProperties": True,
    },
    "fhirServer": {"description": "A server that was agreed on; what is no text is read over."},
    "fhirAuthorization": {
        "description": "`access_token` is used for this call and never kept; what is no object is read over."
    },
    "extension": {"description": "The client's own; an object by the specification."},
}
"""What every call has beside its hook and its context."""
FEEDBACK: Final[Schema] = {
    "type": "object",
    "description": "What clinicians did with cards. Repeats and unknown cards are taken.",
    "required": ["feedback"],
    "properties": {
        "feedback": {
            "type": "array",
            "maxItems": MOST,
            "items": {
                "type": "object",
                "required": ["card", "outcome"],
                "properties": {
                    "card": {"type": "string", "minLength": 1, "maxLength": 256},
                    "outcome": {"enum": sorted(OUTCOMES)},
                    "acceptedSuggestions": {
                        "type": ["array", "null"],
                        "items": {
                            "type": "object",
                            "required": ["id"],
                            "properties": {"id": {"type": "string", "minLength": 1, "maxLength": 256}},
                        },
                    },
                    **{
                        key: {"description": "A reason, with `reason` or `userComment`."} for key in sorted(REASON_KEYS)
                    },
                    "outcomeTimestamp": {"type": "string", "format": "date-time"},
                },
            },
        }
    },
}
"""The schema of CDS Hooks 3.0, as far as this service insists on it."""

PARAMETERS: Final[Schema] = {
    "type": "object",
    "description": "A FHIR Parameters resource.",
    "properties": {
        "parameter": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"enum": ["_since", "_type", "_outputFormat"]},
                    "valueString": {"type": "string"},
                    "valueInstant": {"type": "string", "format": "date-time"},
                },
            },
        }
    },
}


def hook_calls() -> dict[str, Schema]:
    """The bodies of a hook call, by name: one for each hook, with the context that its definition asks for, and any other."""
    calls = {f"Call-{hook.name}": _call({"const": hook.name}, _context(hook)) for hook in HOOKS.values()}
    another: Schema = {
        "type": "string",
        "not": {"enum": list(HOOKS)},
        "description": "A hook that is not of the library.",
    }
    return calls | {
        "Call-another-hook": _call(another, {"required": ["patientId"], "properties": {"patientId": _KINDS["id"]}})
    }


def _call(hook: Schema, context: Schema) -> Schema:
    return {
        "type": "object",
        "description": "CDS Hooks 2.0, section Calling a CDS Service. Fields that are not named here are read over.",
        "required": ["hook", "hookInstance", "context"],
        "properties": {"hook": hook, "context": {"type": "object"} | context, **_BESIDE},
    }


def _context(hook: Hook) -> Schema:
    properties = {name: _field(field) for field in hook.fields for name in field.spellings()}
    plain = [field.name for field in hook.fields if field.required and not field.also]
    either = [
        {"anyOf": [{"required": [name]} for name in field.spellings()]}
        for field in hook.fields
        if field.required and field.also
    ]
    schema: Schema = {"required": plain, "properties": properties}
    return schema | ({"allOf": either} if either else {})


def _field(field: ContextField) -> Schema:
    """`null` and `""` are as good as left out, so a field that is not required may be either."""
    schema = _KINDS[field.kind]
    return schema if field.required and not field.also else {"anyOf": [schema, {"type": "null"}, {"const": ""}]}
