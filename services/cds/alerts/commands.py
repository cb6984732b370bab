"""`knowdo cds alerts`: the alert report from the decision log on this machine, for the committee's table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from services.cds.settings import CdsSettings
from services.timeline.errors import BadInput
from services.timeline.instants import NAT, parse_instant

if TYPE_CHECKING:
    from services.cds.alerts.report import AlertReport


def alerts(
    since: Annotated[str, typer.Option(help="Decisions at or after this instant; else of the last 30 days")] = "",
    guidance: Annotated[str, typer.Option(help="Only this guidance")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list")] = False,
) -> None:
    """Hold cards against the alert budget; propose a threshold that would keep it, with what it would have missed.

    It reads the decision log and the approved policies of this service (KNOWDO_CDS_…). It changes nothing.

    Example: knowdo cds alerts --since 2026-01-01T00:00:00Z
    """
    from services.cds.alerts.weigh import weigh
    from services.plumbing.logs import configure_logs

    configure_logs(level="warning")  # what is deployed is no news here, and standard output is for the report
    begins = parse_instant(since or (datetime.now(UTC) - timedelta(days=30)).isoformat())
    if begins == NAT:
        raise BadInput("no instant", place="--since", remedy="Write it as 2026-01-31T12:00:00Z")
    found = weigh(CdsSettings.from_environment(), since=begins, guidance=guidance)
    if as_json:
        typer.echo(json.dumps([one.as_json() for one in found], ensure_ascii=False))
        return
    if not found:
        typer.echo("no decision in that time")
    for one in found:
        _print(one, Console())


def _print(one: AlertReport, console: Console) -> None:
    def line(text: str) -> None:
        console.print(text, highlight=False, soft_wrap=True, markup=False)

    line(f"{one.guidance}{f' at {one.site}' if one.site else ''}")
    budget = "no budget is known" if one.budget is None else f"budget {one.budget:.1%}"
    line(f"  cards      {one.shown:,} in {one.calls:,} calls that it is for: {_percent(one.share)} ({budget})")
    spread = ", ".join(f"{name} {cards}" for name, cards in one.cards_per_clinician_day.items()) or "none"
    line(f"  clinicians cards a day, of those who saw any: {spread}")
    line(f"  suppressed {_listed(one.suppressed)}")
    line(f"  answered   {one.accepted:,} accepted, {one.overridden:,} overridden ({_percent(one.override_rate)})")
    line(f"  overrides  {_listed(one.override_reasons)}")
    proposal = one.proposal
    if isinstance(proposal, str):
        line(f"  proposal   none: {proposal}\n")
        return
    missed = proposal.missed
    line(
        f"  proposal   to the committee: risk >= {proposal.threshold!r}, {proposal.cards:,} cards; it would have missed "
        f"{missed.cards:,} (risk up to {missed.highest_risk:.4g}), of which {missed.accepted:,} were accepted; "
        f"outcomes {missed.outcomes}"
    )
    line(f"  overlay    {json.dumps(one.overlay, ensure_ascii=False)}\n")


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def _listed(counts: Mapping[str, int]) -> str:
    pairs = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{name} {number:,}" for name, number in pairs) or "none"
