"""The door to the log: one JSON object a line, on standard error or in a file, never with patient data.

Log what happened (`event`), where (route template, guidance, release) and how it ended; never a body, a header,
a patient's or user's identifier, a token, or the path that was asked for (it may hold an identifier).
"""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar
from pathlib import Path
from typing import Any, cast

import msgspec
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request being answered; `plumbing.web` sets it, every line carries it."""


def configure_logs(*, level: str = "info", to: Path | None = None) -> None:
    """Send structlog and the standard library's logging to standard error as JSON lines; call once, at start-up.

    With `to` the lines are appended to that file, and only errors are on standard error as well.
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        _add_request_id,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[
            *shared,
            structlog.processors.JSONRenderer(serializer=_to_json),
            *([] if to is None else [_show_errors]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.BytesLoggerFactory(file=sys.stderr.buffer if to is None else to.open("ab")),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(serializer=lambda line, **_: _to_json(line).decode()),
        ],
    )
    shown = logging.StreamHandler(sys.stderr)
    handlers: list[logging.Handler] = [shown]
    if to is not None:
        shown.setLevel(logging.ERROR)
        handlers.append(logging.FileHandler(to, encoding="utf-8"))
    for handler in handlers:
        handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = handlers
    root.setLevel(threshold)
    # httpx logs every URL at info, and a FHIR search URL holds the patient's id.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("httpcore").setLevel(logging.WARNING)
    # hpack logs every header that it packs at debug: among them the token for a FHIR server.
    logging.getLogger("hpack").setLevel(logging.WARNING)


def get_logger(service: str) -> FilteringBoundLogger:
    """A logger whose lines name their service."""
    return cast("FilteringBoundLogger", structlog.get_logger(service=service))


def _add_request_id(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    if request_id := REQUEST_ID.get():
        event["request"] = request_id
    return event


def _show_errors(_logger: WrappedLogger, method: str, line: Any) -> Any:
    """Errors are seen even where the log goes to a file."""
    if method in ("error", "critical", "exception"):
        sys.stderr.buffer.write(line + b"\n")
        sys.stderr.buffer.flush()
    return line


def _to_json(line: Any, **_unused: Any) -> bytes:
    return msgspec.json.encode(line, enc_hook=repr)
