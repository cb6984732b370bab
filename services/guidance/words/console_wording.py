"""The sentences of the console: what runs, what waits, what happened. Written once, with their plural and zero cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from services.guidance.evidence import Estimate
from services.guidance.words.rounding import count_of, denominator, number, out_of

NOTHING_RUNS: Final = "No guidance runs."
STAGE_DOES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "registered": "it is proposed and says nothing",
        "development": "it may be worked on and says nothing",
        "silent": "it computes and is compared with what happens; staff see nothing",
        "pilot": "cards are shown in the pilot",
        "general": "cards are shown",
        "suspended": "it was stopped and says nothing; starting again needs the votes anew",
        "retired": "it is over and never returns",
    }
)
LEAST_DIFFERENCE: Final = 0.005  # log-odds; less is shown as 0.00
FEWEST_FOR_A_RATE: Final = 10  # of fewer answers only the counts are told
MOST_NAMED: Final = 3  # more than that are counted: the line must stay one line on a telephone


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """One guidance that stands still; `by` is empty where names are not told."""

    guidance: str
    by: str
    at: datetime


def all_running(count: int) -> str:
    """`All guidance running: 3.`."""
    return f"All guidance running: {count:,}."


def guidance_stopped(stopped: Sequence[Stopped]) -> str:
    """`1 guidance stopped: sepsis by R. Okafor, 14:02.`; the latest first, at most three by name."""
    latest = sorted(stopped, key=lambda one: one.at, reverse=True)
    named = ", ".join(_stopped(one) for one in latest[:MOST_NAMED])
    more = f" and {len(latest) - MOST_NAMED:,} more" if len(latest) > MOST_NAMED else ""
    return f"{len(latest):,} guidance stopped: {named}{more}."


def state_unknown(seconds: int | None, stopped: Sequence[Stopped] = ()) -> str:
    """`STATE UNKNOWN: no service has answered for 95 s.`; None if none ever has."""
    since = "yet" if seconds is None else f"for {duration(seconds)}"
    also = f" {guidance_stopped(stopped)}" if stopped else ""
    return f"STATE UNKNOWN: no service has asked what may speak {since}; guidance may still show until its lease ends.{also}"


def review_overdue(title: str, day: str, *, blocks: bool) -> str:
    """`Readmission: its review was due by 2027-05-21.`: what runs is looked at again by a day; and what follows."""
    more = " Until a review lets it go on it is neither deployed nor promoted." if blocks else ""
    return f"{title}: its review was due by {day}.{more}"


def approval_lapses(title: str, version: str, *, stage: str, day: str) -> str:
    """`Readmission 1.2.0 is approved for pilot and not deployed; the approval lapses on 2027-05-21.`: what nobody uses is voted again."""
    return f"{title} {version} is approved for {stage} and not deployed; the approval lapses on {day}."


def duration(seconds: float) -> str:
    """`95 s`, `12 min`, `5 h`, `3 days`: rounded down, in the unit people would use."""
    whole = int(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 2 * 3600:
        return f"{whole // 60} min"
    if whole < 2 * 86_400:
        return f"{whole // 3600} h"
    return f"{whole // 86_400} days"


def _stopped(one: Stopped) -> str:
    by = f" by {one.by}" if one.by else ""
    return f"{one.guidance}{by}, {one.at:%d %b %H:%M} UTC"


def shapes_differ(inputs: Sequence[tuple[str, float]]) -> str:
    """The finding of two models laid over each other; `inputs`: name and largest difference in log-odds, largest first."""
    differ = [(name, by) for name, by in inputs if by >= LEAST_DIFFERENCE]
    if not differ:
        return "Both models say the same of every input."
    name, by = differ[0]
    others = len(differ) - 1
    also = (
        ""
        if not others
        else f"; {others:,} other input{'' if others == 1 else 's'} differ{'s' if others == 1 else ''} too"
    )
    return f"The two differ most in {name}: by up to {by:.2f} in log-odds{also}."


def vote_awaits(title: str, version: str, *, step: str, role: str, voted: int, needed: int) -> str:
    """`Readmission 4.1.0 awaits your vote (patient-representative) on the step to pilot; 3 of 4 roles voted.`."""
    return f"{title} {version} awaits your vote ({role}) on the step to {step}; {voted:,} of {needed:,} roles voted."


def over_budget(title: str, *, shown: int, calls: int, budget: float) -> str:
    """A week in which more calls carried a card than was agreed."""
    return (
        f"{title}: cards on {out_of(shown / calls, denominator(shown / calls, budget))} calls in 7 days "
        f"({shown:,} of {calls:,}); agreed at most {out_of(budget, denominator(shown / calls, budget))}."
    )


def not_answered(title: str, seconds: int | None) -> str:
    """A guidance whose services are silent."""
    return f"{title}: no service has asked {'yet' if seconds is None else f'for {duration(seconds)}'}; it may be down or cut off."


def cards_of_week(*, shown: int, calls: int, days: int) -> str:
    """`Cards on 87 of 412 calls in 7 days: about 12 a day.`; says it where nothing was reported."""
    if not calls:
        return "No calls were reported in 7 days."
    over = f"{days:,} day{'' if days == 1 else 's'} with reports"
    return f"Cards on {shown:,} of {calls:,} calls, {over}: about {number(shown / max(days, 1), 1)} a day."


def answers_of_week(*, shown: int, accepted: int, overridden: int) -> str:
    """What became of the cards; without an answer nobody knows, so the rate is of those answered."""
    answered = accepted + overridden
    if not shown:
        return "No card was shown in 7 days."
    if not answered:
        return f"None of {shown:,} cards was answered."
    rate = (
        f"Of {answered:,} answered, {accepted:,} were accepted and {overridden:,} overridden"
        if answered < FEWEST_FOR_A_RATE
        else f"Of 100 answered, {count_of(accepted / answered, 100)} were accepted ({accepted:,} of {answered:,})"
    )
    return f"{rate}; {max(shown - answered, 0):,} of {shown:,} cards had no answer yet."


def stands_in(version: str, state: str) -> str:
    """The finding of the picture of the stages."""
    return f"Release {version} is in the stage {state}: {STAGE_DOES[state]}."


def gate_fails(title: str, version: str, *, step: str) -> str:
    """Votes are cast on a step that cannot be taken until something is mended."""
    return f"{title} {version}: votes are cast on the step to {step}, and its gate has a check that is not met."


def silent_days(where: str, *, calls: int, due: int, days: int) -> str:
    """`In silence a card was due at ward-7 on 130 of 1,200 calls, 20 days with reports.`."""
    over = f"{days:,} day{'' if days == 1 else 's'} with reports"
    return (
        f"In silence a card was due {where} on {due:,} of {calls:,} calls, {over}: about {number(due / days, 1)} a day."
    )


def silent_month(rate: Estimate, *, decisions: int, days: int) -> str:
    """What a release would have shown in its silent month, with the interval and what it rests on."""
    low, high = rate.ci
    return (
        f"In its silent month it would have shown a card on {rate.value * 100:.0f} ({low * 100:.0f} to {high * 100:.0f}) "
        f"of 100 calls: about {rate.value * decisions / days:.1f} a day, of {decisions:,} calls in {days} days."
    )


def cards_to_come(a_day: float, *, share: float, shown: float) -> str:
    """Cards a day for a share of the patients, of whom a trial shows them to a part; both from 0 to 1."""
    parts = [f"{share * 100:g}% of patients"] if share < 1 else []
    if shown < 1:
        parts.append(f"{shown * 100:.0f}% of {'these' if parts else 'patients'} in the trial's arms that see cards")
    of = f" (for {', '.join(parts)})" if parts else ""
    return f"Expect about {number(a_day * share * shown, 1)} cards a day{of}, if calls stay as they were."
