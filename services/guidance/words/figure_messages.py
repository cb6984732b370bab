"""The message of each figure: the finding as one sentence, by rules, so that nobody's wish words it.

As in `evidence_wording`: whole people per 100, the past tense, plural, none and all written out.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.guidance.definition import Outcome
from services.guidance.words.grammar import listed, verb
from services.guidance.words.rounding import count_of, denominator, half_up, out_of, with_interval


def _happened(outcome: Outcome) -> str:
    return outcome.happened or f"had the outcome ({outcome.name})"


def people(outcome: Outcome, *, whole: int, flagged: int, right: int, missed: int) -> str:
    """`Of 1,000 patients, 150 are flagged; of the 120 who came back …, 42 are among them and 78 are missed`."""
    happened = _happened(outcome)
    who = f"{flagged:,} {verb('are', flagged)}" if flagged else "nobody is"
    start = f"Of {whole:,} patients, {who} flagged"
    if right + missed == 0:
        return f"{start}; nobody {happened}"
    events = right + missed
    if missed == 0:
        return f"{start}, and all {events:,} who {happened} are among them"
    if right == 0:
        return f"{start}, and all {events:,} who {happened} are missed"
    among, lost = (f"{n:,} {verb('are', n)}" for n in (right, missed))
    return f"{start}; of the {events:,} who {happened}, {among} among them and {lost} missed"


def benefit(*, better: Sequence[float], agreed: tuple[float, float] | None) -> str:
    """Over which thresholds acting on the model beats acting on everybody and on nobody, with the range agreed."""
    if not better:
        return "Acting on the model is at no threshold better than acting on everybody or on nobody"
    low, high = (count_of(end, 100) for end in (min(better), max(better)))
    span = f"at {low} in 100" if low == high else f"from {low} to {high} in 100"
    said = f"Acting on the model is better than acting on everybody or on nobody {span}"
    if agreed is None:
        return said
    covered = min(better) <= agreed[0] + 0.01 and agreed[1] - 0.01 <= max(better)
    return f"{said}, {'which is the whole' if covered else 'which is not the whole'} of the range agreed"


def worth(*, gain: float, interval: tuple[float, float], threshold: float) -> str:
    """Net benefit per 1,000 in people: `At 20 in 100, worth 15 (9 to 21) more caught per 1,000 with no added false alarm`."""
    at = f"At {count_of(threshold, denominator(threshold))} in {denominator(threshold)}"
    low, high = (half_up(end, 1) for end in interval)
    if interval[0] > 0:
        return (
            f"{at}, acting on it is worth {half_up(gain, 1)} ({low} to {high}) more caught per 1,000, with no "
            "added false alarm, than the better of acting on everybody and on nobody."
        )
    return (
        f"{at}, nobody can tell whether acting on it is worth more than the better of acting on everybody and on "
        f"nobody: {half_up(gain, 1)} ({low} to {high}) per 1,000."
        if interval[1] >= 0
        else f"{at}, acting on it is worth less than the better of acting on everybody and on nobody: "
        f"{half_up(gain, 1)} ({low} to {high}) per 1,000."
    )


def spread(*, above: float, interval: tuple[float, float]) -> str:
    """`15 (14 to 16) of 100 patients are at or above the threshold`."""
    of = denominator(above)
    if above in (0.0, 1.0):
        return f"{'All' if above else 'No'} patients are at or above the threshold"
    return f"{with_interval(above, interval, of)} of {of:,} patients are at or above the threshold"


def effort(*, alerts_per_100: float, caught: float) -> str:
    """`15 alerts for every 100 patients find 35 of 100 events`."""
    alerts = half_up(alerts_per_100) if alerts_per_100 >= 1 else half_up(alerts_per_100, 1)
    work = "1 alert for every 100 patients finds" if alerts == 1 else f"{alerts} alerts for every 100 patients find"
    return f"{work} {half_up(caught)} of 100 events"


def whom(*, worse: Sequence[str], unknown: int, groups: int) -> str:
    """Which groups do not keep a limit, and of how many nobody can tell."""
    if not groups:
        return "No group of patients could be told apart"
    said = f"of {groups} groups looked at, {unknown} cannot be told" if unknown else f"{groups} groups were looked at"
    if not worse:
        return f"No group is shown to be worse than agreed; {said}"
    names = listed(list(worse[:3])) + (f" and {len(worse) - 3} more" if len(worse) > 3 else "")
    return f"It is worse than agreed for {names}; {said}"


def changed(*, lost: int, lost_events: int, gained: int, gained_events: int, old: str) -> str:
    """Who would newly lose an alert, and who would newly have one, against what is there."""
    return (
        f"Beside {old}, {lost:,} patients would newly lose an alert ({lost_events:,} of them had the outcome), and "
        f"{gained:,} would newly have one ({gained_events:,} had it)"
    )


def months(*, outside: int, judged: int, last_ripe: str) -> str:
    """In how many ripe months observed over expected lay wholly outside the limits."""
    if not judged:
        return "No month has enough ripe outcomes to be judged"
    count = "no" if outside == 0 else f"{outside}"
    return f"In {count} of {judged} ripe months events were shown to be outside the limits; the last ripe month is {last_ripe}"


def ranks(*, auroc: float, interval: tuple[float, float]) -> str:
    """How well it ranks, and what that does not say."""
    shown = with_interval(auroc, interval, 100)
    return f"It ranks a random case above a non-case {shown} times in 100; that says nothing on whether risks are right"


def missing(*, name: str, share: float) -> str:
    """The input that is most often missing."""
    if share == 0:
        return "No input is missing anywhere"
    return f"{name[:1].upper()}{name[1:]} is missing most often: in {out_of(share, denominator(share))} rows"


def measured_less(*, found: Sequence[tuple[str, str]], unknown: int, comparisons: int) -> str:
    """Which inputs are measured less than need explains, in whom (input, group); and of how many nobody can tell."""
    if not comparisons:
        return "No input is missing anywhere"
    said = (
        f"of {comparisons:,} comparisons, {unknown:,} cannot be told" if unknown else f"{comparisons:,} were compared"
    )
    if not found:
        return f"No group is shown to have an input measured less than its needs explain; {said}"
    names = [f"{name} ({group})" for name, group in found[:3]]
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return f"Measured less than needs explain: {listed(names)}{more}; {said}"


def read_otherwise(*, found: Sequence[tuple[str, str, float, str]], unknown: int, comparisons: int) -> str:
    """What reads otherwise than other findings explain (input, unit, by how much, group); and of how many nobody can tell."""
    if not comparisons:
        return "There is no reading to compare"
    said = (
        f"of {comparisons:,} comparisons, {unknown:,} cannot be told" if unknown else f"{comparisons:,} were compared"
    )
    if not found:
        return f"In no group a device is shown to read otherwise than other findings explain; {said}"
    names = [reads(name, unit, apart, group) for name, unit, apart, group in found[:3]]
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return f"{listed(names)[:1].upper()}{listed(names)[1:]}{more}; {said}"


def reads(name: str, unit: str, apart: float, group: str) -> str:
    """`oxygen saturation reads 2.1 points higher than other findings explain in race: Black or African American`."""
    much = f"{half_up(abs(apart), 1)} {'points' if unit == '%' else unit}"
    return f"{name} reads {much} {'higher' if apart > 0 else 'lower'} than other findings explain in {group}"


def lead(*, median: float, events: int) -> str:
    """Half of the events caught come so long after the prediction."""
    when = f"{half_up(median / 24)} days" if median >= 72 else f"{half_up(median)} hours"
    return f"Half of the {events:,} events that it catches come {when} or more after the prediction"


def weighs(names: Sequence[str]) -> str:
    """The inputs that move risks most."""
    if not names:
        return "Nothing weighs"
    said = listed(list(names))
    return f"{said[:1].upper()}{said[1:]} {'weighs' if len(names) == 1 else 'weigh'} most"


def moved(*, difference: float, samples: int) -> str:
    """How far a risk would move with other patients to learn from."""
    return (
        f"With other patients to learn from, a stated risk would move by {half_up(100 * difference, 1)} in 100 on average "
        f"({samples} refits)"
    )


def elsewhere(*, judged: int, outside: int, unjudged: int) -> str:
    """How it did in later time and at sites left out."""
    if not judged:
        return "It could not be judged in later time or at a site left out"
    said = f"In {judged} tests on later time or a site left out, {outside or 'none'} {'was' if outside < 2 else 'were'} shown to be outside the limits"
    return f"{said}; {unjudged} could not be judged" if unjudged else said
