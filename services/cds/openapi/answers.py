"""What is answered, as JSON Schema: discovery, cards, and the OperationOutcome of every error.

Closed where `cards.lint` is closed: an answer that holds more than this never leaves.
"""

from __future__ import annotations

from typing import Any, Final

from services.cds.cards.lint import BEHAVIORS, INDICATORS, LABEL, LINK_TYPES, SUMMARY

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string", "pattern": "\\S"}
_UUID: Final[Schema] = {"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}
_URL: Final[Schema] = {"type": "string", "pattern": "^https?://"}
_EXTENSION: Final[Schema] = {"type": "object"}


def _closed(required: list[str], **properties: Schema) -> Schema:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


def _some(items: Schema) -> Schema:
    """An array that is left out where it would be empty."""
    return {"type": "array", "minItems": 1, "items": items}


_CODING: Final = _closed(["code", "system"], code=_TEXT, system=_TEXT, display=_TEXT)
_ACTION: Final = _closed(
    ["type", "description"],
    type={"enum": ["create", "update", "delete"]},
    description=_TEXT,
    resource={"type": "object", "required": ["resourceType"]},
    resourceId=_TEXT,
    extension=_EXTENSION,
)
_CARD: Final = _closed(
    ["uuid", "summary", "indicator", "source"],
    uuid=_UUID,
    summary={"type": "string", "minLength": 1, "maxLength": SUMMARY},
    detail=_TEXT,
    indicator={"enum": sorted(INDICATORS)},
    source=_closed(["label", "topic"], label=_TEXT, url=_URL, icon=_URL, topic=_CODING, extension=_EXTENSION),
    suggestions=_some(
        _closed(
            ["label", "uuid"],
            label={"type": "string", "minLength": 1, "maxLength": LABEL},
            uuid=_UUID,
            isRecommended={"type": "boolean"},
            actions=_some(_ACTION),
            extension=_EXTENSION,
        )
    ),
    selectionBehavior={"enum": sorted(BEHAVIORS)},
    overrideReasons=_some(_closed(["code", "system", "display"], code=_TEXT, system=_TEXT, display=_TEXT)),
    links=_some(
        _closed(
            ["label", "url", "type"],
            label=_TEXT,
            url=_URL,
            type={"enum": sorted(LINK_TYPES)},
            appContext=_TEXT,
            autolaunchable={"type": "boolean"},
            extension=_EXTENSION,
        )
    ),
    extension=_EXTENSION,
)

CARDS: Final = _closed(
    ["cards"],
    cards={"type": "array", "items": _CARD},
    systemActions={"type": "array", "items": _ACTION},
    extension=_EXTENSION,
)
"""The answer to a hook call. No cards: there is nothing to say, and that is known."""

SERVICES: Final = _closed(
    ["services"],
    services={
        "type": "array",
        "items": _closed(
            ["hook", "id", "description"],
            hook=_TEXT,
            id=_TEXT,
            title=_TEXT,
            description=_TEXT,
            version=_TEXT,
            hookVersion=_TEXT,
            usageRequirements=_TEXT,
            prefetch={"type": "object", "additionalProperties": _TEXT},
            extension=_EXTENSION,
        ),
    },
)
"""Discovery."""

OUTCOME: Final[Schema] = {
    "type": "object",
    "required": ["resourceType", "issue"],
    "properties": {
        "resourceType": {"const": "OperationOutcome"},
        "issue": _some(
            {
                "type": "object",
                "required": ["severity", "code", "diagnostics"],
                "properties": {
                    "severity": {"enum": ["fatal", "error", "warning", "information"]},
                    "code": _TEXT,
                    "diagnostics": _TEXT,
                    "details": {
                        "type": "object",
                        "required": ["text"],
                        "properties": {"text": {"type": "string", "pattern": "^In "}},
                        "description": "Where it is wrong: a JSON path such as `$.context.patientId`, or the part.",
                    },
                },
            }
        ),
    },
}
"""Every error, and nothing of what was sent."""

EMPTY: Final[Schema] = _closed([])
BUNDLE: Final[Schema] = {
    "type": "object",
    "required": ["resourceType", "type", "link"],
    "properties": {"resourceType": {"const": "Bundle"}, "type": {"const": "searchset"}, "link": {"type": "array"}},
}
RESOURCE: Final[Schema] = {
    "type": "object",
    "required": ["resourceType"],
    "properties": {"resourceType": {"type": "string"}},
}
MANIFEST: Final[Schema] = {
    "type": "object",
    "required": ["transactionTime", "request", "requiresAccessToken", "output", "error"],
    "properties": {"output": {"type": "array"}, "error": {"type": "array"}},
}
"""Of a finished export (FHIR Bulk Data Access 2.0)."""
