"""Sentences about how good a model is: the counts, the interval, the data they come from, in words.

Fewer than 100 people: the real count; fewer than 10: no rate. `will` only for a prospective count at this site.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from services.guidance.definition import Outcome
from services.guidance.words.grammar import infinitive, verb
from services.guidance.words.rounding import count_of, denominator, half_up, out_of, with_interval

INTERVAL_NOTE = (
    "If the study were repeated many times, about 95 of 100 such ranges would hold the true figure; "
    "it does not cover changes at your site."
)
SMALLEST_SHOWN = 10
SMALLEST_PER_100 = 100


DataKind = Literal["patients", "benchmark", "synthetic"]
"""Whose records numbers come from: a site's own patients, a published data set, or nobody's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Where numbers come from; only a prospective count at this site may say `will`."""

    data: str
    prospective: bool = False
    kind: DataKind = "patients"

    def tail(self) -> str:
        """`, in 2025 data from Site A`, with what a benchmark or made-up patients must say in the same sentence."""
        said = {"patients": "", "benchmark": " (benchmark data, not this site)", "synthetic": " (made-up patients)"}
        return "" if self.prospective and self.kind == "patients" else f", in {self.data}{said[self.kind]}"


def _happened(outcome: Outcome, sample: Sample) -> tuple[str, str]:
    """The verb phrase and its complement: `will come back`, or what happened in the data named."""
    if sample.prospective and sample.kind == "patients":
        return f"will {infinitive(outcome.happens)}", "will not"
    return outcome.happened or f"had the outcome ({outcome.name})", outcome.happened_not


def right_per_100(
    outcome: Outcome, sample: Sample, *, right: int, flagged: int, interval: tuple[float, float] | None = None
) -> str:
    """`Of 100 patients flagged, 28 (25 to 31) came back …; 72 did not`; under 100 flagged, the real count."""
    happened, happened_not = _happened(outcome, sample)
    tail = f"{sample.tail()}."
    if flagged == 0:
        return f"Nobody was flagged{tail}"
    if flagged < SMALLEST_SHOWN:
        return f"1 to 9 patients were flagged: rate not shown{tail}"
    if right == flagged:
        return f"All {flagged:,} patients flagged {happened}{tail}"
    if right == 0:
        return f"None of the {flagged:,} patients flagged {happened}{tail}"
    share = right / flagged
    if flagged < SMALLEST_PER_100:
        bounds = "" if interval is None else f" ({_range(interval)} of 100)"
        return f"{right} of {flagged} patients flagged{bounds} {happened}; {flagged - right} {happened_not}{tail}"
    of = denominator(share)
    shown = with_interval(share, interval, of)
    return f"Of {of:,} patients flagged, {shown} {happened}; {of - count_of(share, of):,} {happened_not}{tail}"


def _range(interval: tuple[float, float]) -> str:
    return f"{count_of(interval[0], 100)} to {count_of(interval[1], 100)}"


def _part_of(whole: str, nobody: str, part: int, total: int, said: tuple[str, str | None], sample: Sample) -> str:
    """`Of 100 … who …, it flagged 35 and missed 65`, with the small, none and all cases."""
    did, complement = said
    tail = f"{sample.tail()}."
    if total == 0:
        return f"{nobody}{tail}"
    if total < SMALLEST_SHOWN:
        return f"1 to 9 patients: rate not shown{tail}"
    of = total if total < SMALLEST_PER_100 else denominator(part / total)
    count = count_of(part / total, of)
    rest = "" if complement is None else f" and {complement} {of - count:,}"
    if part in (0, total):
        return f"Of {total:,} {whole}, it {did} {'all' if part else 'none'}{tail}"
    return f"Of {of:,} {whole}, it {did} {count:,}{rest}{tail}"


def missed(outcome: Outcome, sample: Sample, *, caught: int, events: int) -> str:
    """As in `Of 100 patients who came back …, it flagged 35 and missed 65`."""
    happened = outcome.happened or f"had the outcome ({outcome.name})"
    whole = f"patients who {happened}"
    return _part_of(whole, f"Nobody {happened}", caught, events, ("flagged", "missed"), sample)


def false_alarms(outcome: Outcome, sample: Sample, *, flagged: int, others: int) -> str:
    """As in `Of 100 patients who did not, it flagged 12`."""
    happened = outcome.happened or f"had the outcome ({outcome.name})"
    nobody = f"Every patient {happened}"
    return _part_of(f"patients who {outcome.happened_not}", nobody, flagged, others, ("flagged", None), sample)


def base(outcome: Outcome, sample: Sample, *, events: int, people: int) -> str:
    """`Without any guidance, 12 of 100 came back …`; always beside `right_per_100`."""
    happened, _ = _happened(outcome, sample)
    tail = f"{sample.tail()}."
    if people < SMALLEST_SHOWN:
        return f"Fewer than 10 patients: rate not shown{tail}"
    if events in (0, people):
        return f"Without any guidance, {'all' if events else 'none'} of {people:,} {happened}{tail}"
    share = events / people
    said = f"{events} of {people}" if people < SMALLEST_PER_100 else out_of(share, denominator(share))
    return f"Without any guidance, {said} {happened}{tail}"


def calibration(*, stated: float, observed: float, interval: tuple[float, float]) -> str:
    """As in `When it says 40 in 100, 36 (31 to 41) happen`."""
    of = denominator(stated, observed)
    shown = with_interval(observed, interval, of)
    return f"When it says {count_of(stated, of):,} in {of:,}, {shown} {verb('happen', count_of(observed, of))}."


def discrimination(*, auroc: float, interval: tuple[float, float]) -> str:
    """What an AUROC says, and what it does not."""
    shown = with_interval(auroc, interval, 100)
    return (
        f"It ranks a random case above a non-case {shown} times in 100; this says nothing on whether risks are right."
    )


def overall_accuracy(*, brier: float, base_rate: float) -> str:
    """The Brier score beside that of giving everyone the average; for the annex."""
    null = base_rate * (1 - base_rate)
    everyone = f"giving everyone {count_of(base_rate, (of := denominator(base_rate)))} in {of:,}"
    if null <= 0:
        return f"Brier score {half_up(brier, 4)}; there is no variation to compare it with."
    gain = half_up(round(1 - brier / null, 9), times=100)
    if gain == 0:
        return f"Brier score {half_up(brier, 4)}: no better than {everyone} ({half_up(null, 4)})."
    better = f"{abs(gain)}% {'better' if gain > 0 else 'worse'} than {everyone}"
    return f"Brier score {half_up(brier, 4)}: {better} ({half_up(null, 4)})."


def unevaluated(outcome: Outcome, *, rows: int, happened: int, not_happened: int, fewest: int) -> str:
    """Why a published risk could not be judged here: no known outcome yet, none that happened, or too few."""
    if rows == 0:
        hours = outcome.horizon_in_hours
        within = f"{hours / 24:,.0f} days" if hours and hours >= 48 else f"{hours:g} hours" if hours else "stay"
        return f"Not judged here: the record is too short for the {within} in which it may happen; no outcome is known yet."
    if happened == 0:
        return f"Not judged here: of {rows:,} rows with a known outcome, none had it."
    return (
        f"Not judged here: {happened:,} patients with the outcome and {not_happened:,} without are too few; "
        f"at least {fewest} of each are needed."
    )


def weighed(*, mean_risk: float, scored: int, recalibrated: bool = False) -> str:
    """What a published score says of the people here, on average, and whether anything was fitted to them."""
    of = denominator(mean_risk)
    if recalibrated:
        return (
            f"Published, with level and slope fitted here: over {scored:,} rows it states {out_of(mean_risk, of)} on average; "
            "nothing else was learned."
        )
    return f"Published: over {scored:,} rows it states {out_of(mean_risk, of)} on average; nothing was learned or adjusted."


def beside_published(fitted: Sequence[str], *, speaks: str) -> str:
    """What stands beside a published score, and that it is no longer the score; empty where nothing does."""
    said = {
        "recalibrated": "recalibrated: its level and slope fitted here, its order as published",
        "refitted": "refitted: a regression on the inputs of the score, fitted here, which is no longer the published score",
    }
    told = [said[kind] for kind in fitted if kind != speaks]
    if not told:
        return ""
    return f"Beside it, to compare and not to speak: {'; '.join(told)}. What was fitted was tested on patients that it had not seen."


def glass_box_price(
    *, scorecard_auroc: float, forest_auroc: float, scorecard_brier: float, forest_brier: float, limit: float
) -> str:
    """What clarity costs: how much better a forest would be than the scorecard whose every step can be read."""
    figures = (
        f"AUROC {half_up(scorecard_auroc, 3)} against {half_up(forest_auroc, 3)}, "
        f"Brier score {half_up(scorecard_brier, 4)} against {half_up(forest_brier, 4)}"
    )
    gain = forest_auroc - scorecard_auroc
    pairs = int(half_up(round(gain, 9), times=1000))
    if pairs <= 0:
        return f"A model whose every step can be read costs nothing here: a forest ranks no better ({figures})."
    verdict = "at or above" if gain >= limit else "below"
    return (
        f"Of 1,000 pairs of a case and a non-case, a forest ranks {pairs} more right than the model whose every step "
        f"can be read ({figures}); that is {verdict} the {half_up(limit, 3)} AUROC for which clarity would be given up."
    )
