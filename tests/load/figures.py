"""What a benchmark says: a figure beside its target, its floor and its peers, as a table or as JSON.

CPU seconds, not wall: other work on the machine shows less. Whatever is compared is run in turn, round after round, in
one process, and each is told by its best round: interference only ever adds.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table."""

    what: str
    ours: str
    target: str = ""
    floor: str = ""
    """What no way of doing it can go below, measured in the same run."""
    peers: str = ""
    """What others take: measured in the same run, unless it says `quoted` (design note "performance", same machine)."""


def in_turn(acts: Mapping[str, Callable[[], object]], *, rounds: int = 5, times: int = 1) -> dict[str, float]:
    """CPU seconds of one call of each act: the best of some rounds, in each of which every act has its turn."""
    best = dict.fromkeys(acts, float("inf"))
    for _ in range(rounds):
        for name, act in acts.items():
            begun = time.process_time()
            for _ in range(times):
                act()
            best[name] = min(best[name], (time.process_time() - begun) / times)
    return best


def show(title: str, figures: Sequence[Figure], *, as_json: bool) -> None:
    """Print them."""
    if as_json:
        sys.stdout.write(json.dumps({"title": title, "figures": [asdict(figure) for figure in figures]}) + "\n")
        return
    table = Table(title=title, title_justify="left", show_lines=True)
    table.add_column("What", overflow="fold")
    for name in ("Knowdo", "Target", "Floor", "Peers"):
        table.add_column(name, overflow="fold", justify="left" if name == "Peers" else "right")
    for figure in figures:
        table.add_row(figure.what, figure.ours, figure.target, figure.floor, figure.peers)
    Console(width=None if sys.stdout.isatty() else 150).print(table)
