"""The made-up hook requests that the Try page offers: files beside it, whose days count back from now.

`"@-6d"` in a file is the moment six days and an hour ago, `"@-6d."` the day alone. Every resource is labelled HTEST.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, Final

_FOLDER: Final = files("services.registry.console") / "made_up"
_MOMENT: Final = re.compile(r'"@-(\d{1,5})d(\.?)"')
_HOUR: Final = timedelta(hours=1)  # what happened "today" has happened before the call


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeUp:
    """One request: its name, what it is about, and the guidance it was made for."""

    name: str
    title: str
    guidance: str
    text: str

    def at(self, now: datetime) -> str:
        """The request's JSON, its days counted back from now."""

        def moment(found: re.Match[str]) -> str:
            when = now - timedelta(days=int(found[1])) - _HOUR
            return f'"{when:%Y-%m-%d}"' if found[2] else f'"{when:%Y-%m-%dT%H:%M:%SZ}"'

        return _MOMENT.sub(moment, self.text)


@cache
def made_up_requests() -> dict[str, MadeUp]:
    """Name → request, by name."""
    found = {}
    for path in sorted(_FOLDER.iterdir(), key=lambda one: one.name):
        if path.name.endswith(".json"):
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            name = path.name.removesuffix(".json")
            found[name] = MadeUp(
                name=name,
                title=content["title"],
                guidance=content["guidance"],
                text=json.dumps(content["request"], indent=1, ensure_ascii=False),
            )
    return found
