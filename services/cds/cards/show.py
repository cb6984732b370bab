"""A CDS Hooks answer for a person at a terminal: what a clinician would see, and where to click next.

In the order of an EHR: indicator (word and shape, never colour alone), summary, detail, suggestions, reasons, source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console, Group, RenderableType
from rich.markdown import Markdown
from rich.panel import Panel
from rich.text import Text

COLOURS: Final = {"info": "cyan", "warning": "yellow", "critical": "red"}
MARKS: Final = {"info": "ⓘ Info", "warning": "▲ Warning", "critical": "■ Critical"}
REASONS_NAMED: Final = 4


def show_answer(answer: Mapping[str, Any], *, status: int, console: Console) -> None:
    """Print cards, or why there are none."""
    if status != 200:
        for issue in answer.get("issue", []):
            console.print(Text(f"{status}: {issue.get('diagnostics', issue.get('code'))}", style="red"))
        return
    for action in answer.get("systemActions", []):
        console.print(Text(f"Done without asking: {action.get('description')}", style="bold"))
    cards = answer.get("cards", [])
    if not cards:
        console.print("No card: nothing to say, or not to be said. The decision log holds the reason.")
    for card in cards:
        console.print(card_panel(card))
        # Outside the panel and unwrapped, so that a terminal makes them clickable.
        source = card.get("source", {})
        pages = [
            ("Evidence", source.get("url")),
            *((link.get("label"), link.get("url")) for link in card.get("links", [])),
        ]
        for label, url in pages:
            console.print(Text(f"{label}: {url}", style="dim"), soft_wrap=True)


def card_panel(card: Mapping[str, Any]) -> Panel:
    """One card as a panel. The summary stands inside, where it may wrap; a title that is too long would be cut."""
    indicator = str(card.get("indicator"))
    colour = COLOURS.get(indicator, "white")
    parts: list[RenderableType] = [
        Text(str(card.get("summary")), style=f"bold {colour}"),
        Text(),
        Markdown(str(card.get("detail", ""))),
    ]
    for suggestion in card.get("suggestions", []):
        parts += [Text(), Text(f"[ {suggestion.get('label')} ]", style="bold")]
        parts += [Text(f"    {action.get('description')}", style="dim") for action in suggestion.get("actions", [])]
    if reasons := card.get("overrideReasons"):
        parts += [Text(), Text(f"Or decline: {_shortly(reasons)}", style="dim")]
    parts.append(Text(f"Source: {card.get('source', {}).get('label')}", style="dim"))
    return Panel(
        Group(*parts),
        title=Text(MARKS.get(indicator, indicator), style=f"bold {colour}"),
        title_align="left",
        border_style=colour,
    )


def _shortly(reasons: Sequence[Mapping[str, Any]]) -> str:
    """The first reasons by their codes, which are a few words each; the full wording stands in the answer itself."""
    words = [str(reason.get("code") or reason.get("display")).replace("-", " ") for reason in reasons]
    more = len(words) - REASONS_NAMED
    return " · ".join(words[:REASONS_NAMED]) + (f" · {more} more" if more > 0 else "")
