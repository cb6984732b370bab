"""Where the time of one call went: part after part, for its decision, the histograms and its trace."""

from __future__ import annotations

import time
from typing import Final, Literal

Part = Literal["read", "fetch", "features", "advise", "card", "waited"]
"""Reading the body; fetching what was missing; what is known and its features; models and bands; the card and its lint;
waiting until the decision was being written."""

_now: Final = time.perf_counter_ns


class Stopwatch:
    """Begins when it is made; each `lap` ends a part where the one before it ended."""

    __slots__ = ("_at", "began", "parts")

    def __init__(self) -> None:
        self.began = self._at = _now()
        self.parts: dict[str, int] = {}
        """Microseconds by part."""

    def lap(self, part: Part) -> None:
        """This part ends now."""
        now = _now()
        self.parts[part] = (now - self._at) // 1000
        self._at = now

    @property
    def seconds(self) -> float:
        """Since it began."""
        return (_now() - self.began) / 1e9
