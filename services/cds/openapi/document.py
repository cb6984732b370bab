"""The OpenAPI document of this service: its paths with what they take and every status that they answer.

Written from the tables and rules that the service itself goes by, not from the signatures of the routes: those take a
Request, for speed, and would say nothing.
"""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI

from services.cds.fhir.bulk_export import TYPES
from services.cds.fhir.searching import LARGEST
from services.cds.fhir.views import VIEWS
from services.cds.openapi.answers import BUNDLE, CARDS, EMPTY, MANIFEST, OUTCOME, RESOURCE, SERVICES
from services.cds.openapi.bodies import FEEDBACK, PARAMETERS, hook_calls
from services.guidance.hooks import HOOKS

Schema = dict[str, Any]

JSON: Final = "application/json"
FHIR: Final = "application/fhir+json"
_SAID: Final = (
    "CDS Hooks 2.0, and what 3.0 adds without breaking it. Every error is a FHIR OperationOutcome: also 404 for a path that "
    "is not here, and 405, with `Allow`, for a method that a path does not take."
)
ERRORS: Final = {
    400: "What was sent cannot be used; the outcome names the place.",
    401: "Who calls is not proven. The reason is in the log, not here.",
    403: "The caller may not do that.",
    404: "There is no such thing here.",
    412: "Required patient data is unknown after prefetch and fetch: never to be read as no risk.",
    413: "The body is too large.",
    415: "The body is not JSON in UTF-8, or is packed.",
    503: "The answer could not be computed or not be kept: never to be read as no risk.",
}


def describe(app: FastAPI) -> None:
    """Let the app answer /openapi.json with this document. It holds no patient data and is open, as discovery is."""
    document = openapi_document(title=app.title, version=app.version)
    app.openapi = lambda: document  # type: ignore[method-assign] # FastAPI's own way to have another document


def openapi_document(*, title: str, version: str) -> Schema:
    """The whole document (OpenAPI 3.1.0, whose schemas are JSON Schema 2020-12)."""
    calls = hook_calls()
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": _SAID},
        "paths": {
            "/cds-services": _discovery(),
            "/cds-services/{service_id}": _calls(),
            "/cds-services/{service_id}/feedback": _feedback(),
            "/try/{guidance}": _try_out(),
            "/decisions/export": _lines(),
            "/fhir/metadata": {"get": _operation("What can be asked here", {200: _body(_named("Resource"), FHIR)}, [])},
            "/fhir/$export": _kick_off(),
            "/fhir/$export-status/{export}": _export_status(),
            "/fhir/$export-file/{export}/{name}": _export_file(),
            "/fhir/{kind}": _search(),
            "/fhir/{kind}/{number}": _read(),
        },
        "components": {
            "schemas": {
                "HookCall": {"anyOf": [_named(name) for name in calls]},
                **calls,
                "Feedback": FEEDBACK,
                "Parameters": PARAMETERS,
                "Cards": CARDS,
                "Services": SERVICES,
                "OperationOutcome": OUTCOME,
                "Bundle": BUNDLE,
                "Resource": RESOURCE,
                "ExportManifest": MANIFEST,
            },
            "securitySchemes": {
                "client": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "Signed by a trusted CDS client, for this very endpoint, once.",
                },
                "registry": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A pass that the registry's own key signed for this service, once, for a minute.",
                },
                "reader": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The token of an auditor or the learner.",
                },
            },
        },
    }


def _discovery() -> Schema:
    entity = {"ETag": {"schema": {"type": "string"}}, "Cache-Control": {"schema": {"type": "string"}}}
    found = {"description": "What can be called here.", "headers": entity}
    unchanged = {304: {"description": "The caller has this version (`If-None-Match`).", "headers": entity}}
    asked = [_parameter("If-None-Match", "header", {"type": "string"})]
    got = {200: found | _content(_named("Services"), JSON), **unchanged}
    return {
        # Without a token, too; one that is shown is checked.
        "get": _operation("Discovery", got, [401], parameters=asked, security=[{}, {"client": []}]),
        "head": _operation(
            "Discovery without its body",
            {200: found, **unchanged},
            [401],
            parameters=asked,
            security=[{}, {"client": []}],
        ),
        "options": _options(),
    }


def _calls() -> Schema:
    return {
        "parameters": [_parameter("service_id", "path", _ID)],
        "post": _operation(
            f"Answer a hook: one of {', '.join(HOOKS)}, as discovery lists it for this service",
            {200: {"description": "The cards."} | _content(_named("Cards"), JSON)},
            [400, 401, 404, 412, 413, 415, 503],
            security=[{"client": []}],
            takes=_content(_named("HookCall"), JSON, FHIR),
        ),
        "options": _options(),
    }


def _feedback() -> Schema:
    return {
        "parameters": [_parameter("service_id", "path", _ID)],
        "post": _operation(
            "Keep what clinicians did with cards; what is wrong with one entry does not cost the others",
            {200: {"description": "All of it is kept."} | _content(EMPTY, JSON)},
            [400, 401, 413, 415, 503],
            security=[{"client": []}],
            takes=_content(_named("Feedback"), JSON, FHIR),
        ),
        "options": _options(),
    }


def _try_out() -> Schema:
    parts = {"request": _named("HookCall"), "release": {"type": "string"}}
    return {
        "parameters": [_parameter("guidance", "path", _ID)],
        "post": _operation(
            "Try guidance out on made-up data, for the registry: what would be answered and why; nothing of it is kept",
            {200: {"description": "The answer, and what led to it."} | _content({"type": "object"}, JSON)},
            [400, 401, 404, 413, 415, 503],
            security=[{"registry": []}],
            takes=_content({"type": "object", "required": ["request"], "properties": parts}, JSON),
        ),
    }


def _lines() -> Schema:
    asked = [
        _parameter("guidance", "query", {"type": "string"}),
        _parameter("since", "query", {"type": "string", "format": "date-time"}),
    ]
    said = {"description": "A decision a line, with its feedback.", "content": {"application/x-ndjson": {}}}
    return {
        "get": _operation(
            "All decisions, oldest first", {200: said}, [400, 401, 403], parameters=asked, security=_READER
        )
    }


def _search() -> Schema:
    asked = [
        _parameter("patient", "query", {"type": "string"}),
        _parameter("date", "query", {"type": "array", "items": {"type": "string"}}),
        _parameter("guidance", "query", {"type": "string"}),
        _parameter("_count", "query", {"type": "integer", "minimum": 1, "maximum": LARGEST}),
        _parameter("_cursor", "query", {"type": "string"}),
        _parameter("_format", "query", {"type": "string"}),
    ]
    return {
        "parameters": [_parameter("kind", "path", {"enum": list(VIEWS)})],
        "get": _operation(
            "A page of decisions as one type, newest first",
            {200: _body(_named("Bundle"), FHIR)},
            [400, 401, 403, 404],
            parameters=asked,
            security=_READER,
        ),
    }


def _read() -> Schema:
    return {
        "parameters": [
            _parameter("kind", "path", {"enum": list(VIEWS)}),
            _parameter("number", "path", _ID),
        ],
        "get": _operation(
            "One decision as one type", {200: _body(_named("Resource"), FHIR)}, [401, 403, 404], security=_READER
        ),
    }


def _kick_off() -> Schema:
    asked = [
        _parameter("_since", "query", {"type": "string", "format": "date-time"}),
        _parameter("_type", "query", {"type": "array", "items": {"enum": list(TYPES)}}, explode=False),
        _parameter("_outputFormat", "query", {"enum": ["application/fhir+ndjson", "application/ndjson", "ndjson"]}),
    ]
    begun = {202: _body(_named("OperationOutcome"), FHIR) | {"headers": _LOCATION}}
    return {
        "get": _operation("Ask for an export", begun, [400, 401, 403, 503], parameters=asked, security=_READER),
        "post": _operation(
            "Ask for an export with a Parameters resource",
            begun,
            [400, 401, 403, 413, 503],
            security=_READER,
            takes=_content(_named("Parameters"), JSON, FHIR),
        ),
    }


def _export_status() -> Schema:
    done = {
        200: _body(_named("ExportManifest"), JSON),
        202: {"description": "It is being made.", "headers": {"X-Progress": {"schema": {"type": "string"}}}},
    }
    return {
        "parameters": [_parameter("export", "path", _ID)],
        "get": _operation("How far an export is", done, [401, 403, 404, 503], security=_READER),
        "delete": _operation(
            "Stop an export, or delete its files", {202: {"description": "Gone."}}, [401, 403, 404], security=_READER
        ),
    }


def _export_file() -> Schema:
    lines = {"description": "A resource a line.", "content": {"application/fhir+ndjson": {}}}
    return {
        "parameters": [
            _parameter("export", "path", _ID),
            _parameter("name", "path", _ID),
        ],
        "get": _operation("A file of an export", {200: lines}, [401, 403, 404], security=_READER),
    }


_ID: Final[Schema] = {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"}
_READER: Final = [{"reader": list[str]()}]
_LOCATION: Final = {"Content-Location": {"schema": {"type": "string"}, "description": "Where to look for it."}}


def _operation(
    summary: str,
    answers: dict[int, Schema],
    errors: list[int],
    *,
    parameters: list[Schema] | None = None,
    security: list[dict[str, list[str]]] | None = None,
    takes: Schema | None = None,
) -> Schema:
    """One method of one path. `errors`: the statuses that are answered with an OperationOutcome."""
    outcome = _content(_named("OperationOutcome"), JSON)
    failed = {status: {"description": ERRORS[status]} | outcome for status in errors}
    operation: Schema = {
        "summary": summary,
        "responses": {str(status): said for status, said in (answers | failed).items()},
    }
    if parameters:
        operation["parameters"] = parameters
    if security:
        operation["security"] = security
    if takes:
        operation["requestBody"] = {"required": True} | takes
    return operation


def _options() -> Schema:
    return _operation("What this path takes", {204: {"description": "`Allow` names the methods."}}, [])


def _parameter(name: str, place: str, schema: Schema, **more: Any) -> Schema:
    return {"name": name, "in": place, "schema": schema, **({"required": True} if place == "path" else {}), **more}


def _body(schema: Schema, kind: str) -> Schema:
    return {"description": "As asked."} | _content(schema, kind)


def _content(schema: Schema, *kinds: str) -> Schema:
    return {"content": {kind: {"schema": schema} for kind in kinds}}


def _named(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
