"""What the data in a store are like, on the screen: first what somebody must ask about, then what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from services.learner.intake.quality import Doubted, Quality

_YEARS = 6


def show_quality(quality: Quality, out: Console) -> None:
    """Doubted units, units and codes that say nothing here, and how many events of which years there are."""
    for doubted in quality.mislabelled:
        out.print(f"[bold red]Ask the laboratory[/]: {doubt(doubted)}", highlight=False)
    if quality.unconverted:
        table = _table("Units that do not convert", "Code", "Unit", "Compared in", "Events")
        for one in quality.unconverted:
            table.add_row(one.code, one.unit, one.compared_in, f"{one.events:,}")
        out.print(table)
    if quality.unmapped:
        table = _table("Codes of the site's own, without a translation (--terminology)", "Field", "Code", "Events")
        for unmapped in quality.unmapped:
            table.add_row(unmapped.field, unmapped.code, f"{unmapped.events:,}")
        out.print(table)
    table = _table("Events by year", "Field", "Years", "Events")
    for name, years in quality.by_year.items():
        table.add_row(name, _years(years), f"{sum(years.values()):,}")
    out.print(table)
    out.print(
        f"{quality.with_known_time:.1%} of events say when they were known; {quality.unmapped_events:,} have only codes of the "
        f"site's own, {quality.text_only:,} only a text, and {quality.without_unit:,} numbers have no unit.",
        highlight=False,
    )


def doubt(doubted: Doubted) -> str:
    """One sentence on values that look like another unit."""
    where = f" of {doubted.site}" if doubted.site else ""
    part = f" ({doubted.share:.1%} of them)" if doubted.share < 1 else ""
    return (
        f"{doubted.events:,} values{part} of {doubted.code}{where} say {doubted.unit} (median {doubted.median:g}) and look like "
        f"{' or '.join(doubted.looks_like)}, against the {doubted.against}"
    )


def _years(years: dict[str, int]) -> str:
    """`2021: 5, 2022: 7`; of many years the last ones, and how far back the others go."""
    listed = list(years.items())
    shown = ", ".join(f"{year}: {count:,}" for year, count in listed[-_YEARS:])
    earlier = listed[:-_YEARS]
    return f"{sum(count for _, count in earlier):,} from {earlier[0][0]}, {shown}" if earlier else shown


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for name in columns:
        table.add_column(name, justify="right" if name == "Events" else "left", overflow="fold")
    return table
