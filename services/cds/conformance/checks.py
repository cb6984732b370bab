"""A check: one function that looks at a service and yields what is wrong; `@check(item)` says which items it stands for.

    @check(33)
    def summary_is_short(target: Target, service: Service) -> Faults:
        \"\"\"Every summary has less than 140 characters.\"\"\"
        for card, place in target.cards(service):
            if len(card["summary"]) > 139:
                yield f"{place}.summary has {len(card['summary'])} characters"

The docstring is the claim. Nothing yielded: it passes. `Skipped(reason)` raised: it could not be seen. A function that
takes a `service` is run for each service and hook that discovery lists.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

import msgspec

from services.cds.conformance.requirements import REQUIREMENTS, Level

Verdict = Literal["pass", "fail", "warn", "skipped"]
Faults = Iterator[str]
Look = Callable[..., Faults]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One way to see whether items are kept."""

    name: str
    area: str
    claim: str
    items: tuple[str, ...]
    level: Level
    look: Look
    for_each_service: bool

    def verdict(self, faults: list[str]) -> Verdict:
        """What faults mean at this level: SHALL fails, anything softer is a warning."""
        if not faults:
            return "pass"
        return "fail" if self.level == "SHALL" else "warn"


class Skipped(Exception):
    """A check could not be made; the reason goes into the report."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class NoAnswer(Exception):
    """The service did not answer a request in time, or not as HTTP."""


CHECKS: Final[dict[str, Check]] = {}
"""Every check by its name, in the order in which they are made; filled as the files of `areas` are imported."""


def check(*items: int | str, level: Level | None = None) -> Callable[[Look], Look]:
    """Make a function the check of these items. `level`: if it is not that of the first item."""

    def keep(look: Look) -> Look:
        numbers = tuple(str(item) for item in items)
        name = look.__name__
        if unknown := [number for number in numbers if number not in REQUIREMENTS]:
            raise ValueError(f"{name} names items that there are not: {unknown}")
        if name in CHECKS:
            raise ValueError(f"two checks are called {name}")
        CHECKS[name] = Check(
            name=name,
            area=look.__module__.rpartition(".")[2],
            claim=(inspect.getdoc(look) or "").partition("\n")[0],
            items=numbers,
            level=level or REQUIREMENTS[numbers[0]].level,
            look=look,
            for_each_service="service" in inspect.signature(look).parameters,
        )
        return look

    return keep


def as_object(value: Any) -> dict[str, Any]:
    """The value if it is a JSON object, else an empty one: its absence is another check's fault."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """The value if it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []
