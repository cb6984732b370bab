"""How an error leaves a service: its status, and its form, problem+json (RFC 9457) or FHIR OperationOutcome.

The only place that knows which class of error is which HTTP status. Faults nobody meant become a 500 that says
nothing of its cause to the caller; the log gets the place, never the message, which may hold patient data.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from services.guidance.errors import (
    BadGuidance,
    BadManifest,
    BadRelease,
    Lacking,
    MissingPatientData,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    Refused,
    TooMany,
    Unavailable,
)
from services.plumbing.logs import REQUEST_ID
from services.timeline.errors import BadInput, KnowdoError

ErrorForm = Literal["problem", "operation-outcome"]


class TooLarge(BadInput):
    """The body is larger than this service takes (HTTP 413)."""


class NotJson(BadInput):
    """The body does not say that it is JSON, or is packed (HTTP 415)."""


# error class → HTTP status, FHIR issue type; the first entry of the class's own line of descent is taken.
STATUS: Final[dict[type[KnowdoError], tuple[int, str]]] = {
    BadInput: (400, "invalid"),
    NotFound: (404, "not-found"),
    Refused: (409, "business-rule"),
    NotPermitted: (403, "forbidden"),
    NotAuthenticated: (401, "login"),
    MissingPatientData: (412, "required"),
    BadRelease: (503, "transient"),
    BadManifest: (503, "transient"),
    Unavailable: (503, "transient"),
    TooLarge: (413, "too-long"),
    TooMany: (429, "throttled"),
    NotJson: (415, "not-supported"),
    KnowdoError: (500, "exception"),
}
ISSUE_BY_STATUS: Final = {
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    413: "too-long",
    415: "not-supported",
    429: "throttled",
}
TITLE: Final = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Not permitted",
    404: "Not found",
    405: "Method not allowed",
    409: "Refused by a rule",
    412: "Required patient data is unknown",
    413: "Body too large",
    415: "Not JSON",
    429: "Too many calls",
    500: "Fault in the service",
    503: "Not available",
}


def json_response(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`content` (dicts, lists, msgspec structs, dataclasses) as JSON."""
    return Response(msgspec.json.encode(content), status, headers, media_type="application/json")


def add_error_handlers(app: FastAPI) -> None:
    """Answer every error that is meant; `on_fault` answers the others, inside the CORS layer."""
    app.add_exception_handler(KnowdoError, _on_knowdo_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)


def form_of(request: Request) -> ErrorForm:
    """The form in which this request is answered: OperationOutcome below the app's FHIR address, else the app's own."""
    state, scope = request.app.state, request.scope
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    under: str = state.fhir_under
    if under and (path == under or path.startswith(under + "/")):
        return "operation-outcome"
    form: ErrorForm = state.error_form
    return form


def status_of(error: KnowdoError) -> tuple[int, str]:
    """The HTTP status and the FHIR issue type of an error, by its line of descent."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def error_response(
    form: ErrorForm,
    *,
    status: int,
    issue: str,
    message: str,
    place: str = "",
    remedy: str = "",
    faults: Sequence[object] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """One error in the form that the app speaks."""
    said = f"{message}. {remedy}" if remedy else message
    if form == "operation-outcome":
        entry: dict[str, object] = {"severity": "error", "code": issue, "diagnostics": said}
        if place:
            entry["details"] = {"text": f"In {place}"}
        issues = [entry, *({"severity": "error", "code": issue, "diagnostics": str(one)} for one in faults)]
        return json_response({"resourceType": "OperationOutcome", "issue": issues}, status, headers)
    title = TITLE.get(status, "Error")
    problem: dict[str, object] = {
        "type": f"urn:knowdo:problem:{issue}",
        "title": title,
        "status": status,
        "detail": message,
    }
    extra = {"place": place, "remedy": remedy, "faults": list(faults), "request": REQUEST_ID.get()}
    problem |= {key: value for key, value in extra.items() if value}
    return Response(msgspec.json.encode(problem), status, headers, media_type="application/problem+json")


async def _on_knowdo_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, KnowdoError):
        raise TypeError(type(error))
    state = request.app.state
    status, issue = status_of(error)
    log = state.log.error if status >= 500 else state.log.info
    log(
        "refused",
        status=status,
        error=type(error).__name__,
        message=error.message,
        place=error.place,
        remedy=error.remedy,
        **({"reason": error.reason, **error.facts} if isinstance(error, NotAuthenticated) else {}),
    )
    if isinstance(error, NotAuthenticated):
        # Telling a stranger why its token failed helps it to forge the next one.
        return error_response(
            form_of(request),
            status=status,
            issue=issue,
            message="Not authenticated",
            headers={"WWW-Authenticate": "Bearer"},
        )
    faults = [str(fault) for fault in error.faults] if isinstance(error, BadGuidance | Lacking) else []
    return error_response(
        form_of(request),
        status=status,
        issue=issue,
        message=error.message,
        place=error.place,
        remedy=error.remedy,
        faults=faults,
        headers={"Retry-After": str(error.seconds)} if isinstance(error, TooMany) else None,
    )


async def _on_http_exception(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise TypeError(type(error))
    headers = dict(error.headers or {})
    if error.status_code == 405:
        # The router knows what this path takes; whoever asks for that alone has asked for no fault.
        headers["Allow"] = ", ".join(sorted({*headers.get("Allow", "").split(", "), "OPTIONS"} - {""}))
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=headers)
    return error_response(
        form_of(request),
        status=error.status_code,
        issue=ISSUE_BY_STATUS.get(error.status_code, "processing"),
        message=error.detail,
        headers=headers,
    )


async def _on_validation_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise TypeError(type(error))
    said = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
    return error_response(form_of(request), status=400, issue="invalid", message=said)


async def _on_disconnect(request: Request, _error: Exception) -> Response:
    return error_response(form_of(request), status=400, issue="incomplete", message="The body ended early")


async def on_fault(request: Request, error: Exception) -> Response:
    """An error nobody meant: a 500 with its place in the log. Its message may hold patient data, so it is left out."""
    state = request.app.state
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    state.log.error("fault", error=type(error).__name__, frames=frames[-8:])
    return error_response(
        form_of(request),
        status=500,
        issue="exception",
        message="Fault in the service",
        remedy=f"Look in its log for request {REQUEST_ID.get()}",
    )
