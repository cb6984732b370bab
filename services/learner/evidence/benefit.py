"""Does acting on the risk do more good than harm: net benefit per 1,000, beside every rival, over the range agreed.

At a threshold t one false alarm weighs t / (1 - t) of an event caught.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from services.guidance.evidence import Estimate
from services.guidance.models.explanation import Numbers
from services.learner.evidence.bootstrap import percentile_interval
from services.learner.evidence.draws import PatientDraws
from services.learner.evidence.metrics import Labels
from services.learner.evidence.rivals import Rival, RivalKind
from services.timeline.errors import BadInput

LineKind = Literal["model", "everyone"] | RivalKind


@dataclass(frozen=True, slots=True, kw_only=True)
class BenefitLine:
    """Net benefit per 1,000 rows at each threshold; that of no one is 0 throughout and has no line."""

    kind: LineKind
    name: str
    net: tuple[Estimate, ...]
    gain: tuple[Estimate, ...]
    """The model over this line, paired; of the model itself its gain over the better of everyone and no one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gained:
    """What the model gains per 1,000 over the better of acting on everyone and on no one, at one threshold."""

    threshold: float
    gain: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Benefit:
    """The decision curve (F5)."""

    thresholds: tuple[float, ...]
    agreed: tuple[float, float]
    """The range of thresholds that the guidance declares, or that its bands imply; to be shaded."""
    agreed_by: str
    """Where the range comes from, in words."""
    lines: tuple[BenefitLine, ...]
    """The model first, then everyone, then the rivals."""

    def gained(self) -> tuple[Gained, ...]:
        """At each threshold."""
        return tuple(
            Gained(threshold=at, gain=gain) for at, gain in zip(self.thresholds, self.lines[0].gain, strict=True)
        )

    def gained_near(self, threshold: float) -> Gained:
        """At the threshold of the curve that is nearest."""
        return min(self.gained(), key=lambda one: abs(one.threshold - threshold))


PER: Final = 1000


def benefit(
    y: Labels,
    risk: Numbers,
    rivals: Sequence[Rival],
    *,
    thresholds: Sequence[float],
    agreed: tuple[float, float],
    agreed_by: str,
    draws: PatientDraws,
) -> Benefit:
    """Every line at every threshold (a card if risk >= threshold), on the same draws of whole patients."""
    if not thresholds or min(thresholds) <= 0 or max(thresholds) >= 1:
        raise BadInput("thresholds lie between 0 and 1", remedy="Give shares, for example 0.2 for 20 in 100")
    cuts = np.sort(np.asarray(thresholds, dtype=np.float64))
    model = _worth(y, risk, cuts, draws)
    everyone = _worth(y, np.ones(len(y)), cuts, draws)
    better = everyone.at_least(0.0)
    lines = [
        BenefitLine(kind="model", name="the model", net=model.estimates(), gain=model.less(better).estimates()),
        _line("everyone", "a card for everyone", model, everyone),
    ]
    lines += [_line(one.kind, one.name, model, _worth(y, one.risk, cuts, draws)) for one in rivals]
    return Benefit(thresholds=tuple(cuts.tolist()), agreed=agreed, agreed_by=agreed_by, lines=tuple(lines))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Worth:
    """Net benefit per 1,000 at each threshold: on the rows, and in every draw."""

    value: Numbers
    drawn: Numbers

    def less(self, other: _Worth) -> _Worth:
        return _Worth(value=self.value - other.value, drawn=self.drawn - other.drawn)

    def at_least(self, floor: float) -> _Worth:
        """The better of this and acting on no one, chosen on the rows and kept in the draws."""
        held = self.value >= floor
        return _Worth(value=np.where(held, self.value, floor), drawn=np.where(held, self.drawn, floor))

    def estimates(self) -> tuple[Estimate, ...]:
        return tuple(
            percentile_interval(float(value), drawn) for value, drawn in zip(self.value, self.drawn.T, strict=True)
        )


def _line(kind: LineKind, name: str, model: _Worth, other: _Worth) -> BenefitLine:
    return BenefitLine(kind=kind, name=name, net=other.estimates(), gain=model.less(other).estimates())


def _worth(y: Labels, risk: Numbers, cuts: Numbers, draws: PatientDraws) -> _Worth:
    # Whoever reaches a threshold reaches those below it: a sum from the highest down counts the flagged.
    reached = np.searchsorted(cuts, risk, side="right")
    cost = cuts / (1 - cuts)
    events = y.astype(np.float64)
    drawn_rows, drawn_events = draws.sums_by(reached, (np.ones(len(y)), events), len(cuts) + 1)
    rows = np.bincount(reached, minlength=len(cuts) + 1)[None, :].astype(np.float64)
    seen = np.bincount(reached, weights=events, minlength=len(cuts) + 1)[None, :].astype(np.float64)
    return _Worth(value=_net(rows, seen, cost)[0], drawn=_net(drawn_rows, drawn_events, cost))


def _net(rows: Numbers, events: Numbers, cost: Numbers) -> Numbers:
    flagged, right = (column[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:] for column in (rows, events))
    net: Numbers = PER * (right - (flagged - right) * cost) / rows.sum(axis=1, keepdims=True)
    return net
