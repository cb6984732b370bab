"""The door to the log: one JSON object a line, on standard error or in a file, never with patient data.

Log what happened (`event`), where (route template, guidance, release) and how it ended; never a body, a header,
a patient's or user's identifier, a token, or the path that was asked for (it may hold an identifier).
"""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar
from pathlib import Path
from typing import Any, BinaryIO, cast

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
        logger_factory=structlog.BytesLoggerFactory(file=cast("BinaryIO", LogFile(_opened(to)))),
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


class LogFile:
    """Where lines are written. One that cannot be (its disk is full) is lost, and never the answer that it tells of.

    How many were lost is said as soon as a line can be written again.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lost = 0

    def write(self, line: bytes) -> None:
        """Write a line whole, or note that it is lost."""
        if self._lost:
            # The last one may have been torn: it ends here.
            said = {"event": "log lines were lost", "level": "error", "lines": self._lost}
            line = b"\n" + _to_json(said) + b"\n" + line
        try:
            left = memoryview(line)
            while left:
                written = self._file.write(left)
                if written is None:
                    raise BlockingIOError  # whoever should read it does not keep up
                left = left[written:]
        except OSError:
            self._lost += 1
        else:
            self._lost = 0

    def flush(self) -> None:
        """Every line is brought out at once."""


def _opened(to: Path | None) -> BinaryIO:
    """Unbuffered: what a full disk did not take must not be tried again with the next line."""
    if to is not None:
        return cast("BinaryIO", to.open("ab", buffering=0))
    return cast("BinaryIO", getattr(sys.stderr.buffer, "raw", sys.stderr.buffer))


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
