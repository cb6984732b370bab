"""The figures of the nightly comparison as a page for docs/results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.guidance.definition import Guidance
from tests.demo.as_of_comparison import Compared, Explained, hook_of

COMMAND = "KNOWDO_TEST_AS_OF_RESULTS=FILE .venv/bin/python -m pytest -m nightly tests/demo/test_skew.py"


@dataclass(frozen=True, kw_only=True)
class Found:
    """What the comparison found of one guidance."""

    guidance: Guidance
    compared: Compared
    explained: Explained


def write_results(file: Path, found: Mapping[str, Found]) -> None:
    """One table of what was asked, one of what differs and why, one of what was met that looks different later."""
    asked = [
        f"| {name} | {hook_of(one.guidance)} | {_moments(one.guidance)} | {one.compared.requests:,} "
        f"| {one.compared.values:,} | {one.compared.known:,} | {len(one.compared.differences):,} |"
        for name, one in found.items()
    ]
    causes = [
        f"| {name} | {cause} | {number:,} | {_features(one, cause)} |"
        for name, one in found.items()
        for cause, number in sorted(Counter(cause for cause, _ in one.explained).items())
    ]
    traps = sorted({trap for one in found.values() for trap in one.compared.traps})
    met = [
        f"| {trap} | " + " | ".join(f"{one.compared.traps[trap]:,}" for one in found.values()) + " |" for trap in traps
    ]
    file.write_text(
        "\n".join(
            [
                "# As of t: features at the bedside against the rebuild from history",
                "",
                f"Written by `{COMMAND}`. Every request was answered 200; every value was compared bit for bit, with its",
                "state (value, absent, unknown); no difference is without a named cause.",
                "",
                "| guidance | hook | moments | requests | feature values | with a value | different |",
                "|---|---|---|---|---|---|---|",
                *asked,
                "",
                "## What differs, and why",
                "",
                "| guidance | cause | values | features |",
                "|---|---|---|---|",
                *causes,
                "",
                "## Requests whose record looks different later",
                "",
                "| | " + " | ".join(found) + " |",
                "|---|" + "---|" * len(found),
                *met,
                "",
            ]
        ),
        encoding="utf-8",
    )


def _moments(guidance: Guidance) -> str:
    index = guidance.index
    if index.at == "discharge":
        return "discharge"
    if index.every_hours is not None:
        return f"a landmark of the stay, every {index.every_hours:g} hours from {index.plus_hours:g} hours on"
    return f"{index.plus_hours:g} hours after the start" if index.plus_hours else "the start of the visit"


def _features(found: Found, cause: str) -> str:
    differ = {difference.feature for why, difference in found.explained if why == cause}
    return ", ".join(f"`{name}`" for name in found.guidance.features if name in differ)
