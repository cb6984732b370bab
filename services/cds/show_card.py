"""A CDS Hooks answer for a person at a terminal: what a clinician would see, and where to click next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.markdown import Markdown
from rich.panel import Panel
from rich.text import Text

COLOURS = {"info": "cyan", "warning": "yellow", "critical": "red"}


def show_answer(answer: Mapping[str, Any], *, status: int, console: Console) -> None:
    """Print cards, or why there are none."""
    if status != 200:
        for issue in answer.get("issue", []):
            console.print(Text(f"{status}: {issue.get('diagnostics', issue.get('code'))}", style="red"))
        return
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
    """One card as a panel."""
    parts: list[RenderableType] = [Markdown(str(card.get("detail", "")))]
    for suggestion in card.get("suggestions", []):
        actions = "; ".join(str(action.get("description")) for action in suggestion.get("actions", []))
        parts.append(
            Text.assemble(("\n[ " + str(suggestion.get("label")) + " ]", "bold reverse"), "  ", (actions, "dim"))
        )
    if reasons := card.get("overrideReasons"):
        parts.append(Text("\nOr decline: " + " · ".join(str(reason.get("display")) for reason in reasons), style="dim"))
    parts.append(Text(f"\n{card.get('source', {}).get('label')}", style="dim"))
    colour = COLOURS.get(str(card.get("indicator")), "white")
    return Panel(Group(*parts), title=Text(str(card.get("summary")), style=f"bold {colour}"), border_style=colour)
