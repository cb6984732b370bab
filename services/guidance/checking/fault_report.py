"""Faults of a guidance directory as they are found, each put on its line."""

from __future__ import annotations

from services.guidance.checking.source_lines import KeyPath, Sourced
from services.guidance.errors import Fault


class FaultReport:
    """Collects faults; one in guidance.yaml is named by its path and gets its line from the text."""

    def __init__(self, sourced: Sourced, *, file: str) -> None:
        self._sourced = sourced
        self._file = file
        self._faults: list[Fault] = []

    @property
    def faults(self) -> list[Fault]:
        """What was found, by file and line, each once."""
        return sorted(set(self._faults), key=lambda fault: (fault.file, fault.line, fault.path, fault.message))

    def at(self, path: KeyPath, message: str, *, text_line: int | None = None) -> None:
        """A fault in guidance.yaml; `text_line` is the line (from 1) within a text value such as a template."""
        line = self._sourced.line_of(path) if text_line is None else self._sourced.line_within(path, text_line)
        self._add(self._file, line, ".".join(map(str, path)), message)

    def on_line(self, line: int, path: KeyPath, message: str) -> None:
        """A fault in guidance.yaml whose line is known."""
        self._add(self._file, line, ".".join(map(str, path)), message)

    def in_file(self, file: str, path: str, message: str, *, line: int = 0) -> None:
        """A fault in another file of the directory; line 0 is the whole file."""
        self._add(file, line, path, message)

    def _add(self, file: str, line: int, path: str, message: str) -> None:
        self._faults.append(Fault(file=file, line=line, path=path, message=message))
