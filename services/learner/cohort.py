"""Who is learned from: stays become moments of prediction, and every one that is left out is counted with its reason.

One row for each stay (or visit), at its admission or discharge, every so many hours of it, or at its orders. Whoever opted out of
research by Consent is left out. Whether a row is in the population is asked of the same features, at the same moment, as
at the bedside. An exclusion that is unknown does not exclude; it is counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.guidance.conditions import parse
from services.guidance.definition import Guidance, Index, Population
from services.learner.order_moments import find_orders
from services.timeline.codes import CodeSet, ValueSets
from services.timeline.errors import BadInput
from services.timeline.instants import FOREVER, HOUR, NAT
from services.timeline.timeline import Timeline

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
RESEARCH: Final = CodeSet.of(["http://terminology.hl7.org/CodeSystem/consentscope|research"])
"""The scope of a Consent (or of its denial) to learning from the record."""

FeatureColumns = Mapping[str, tuple[NDArray[np.float64], NDArray[np.uint8]]]


class FlowStep(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the flow diagram: how many are here, how many left it, or how many stay although unknown."""

    step: str
    kind: str
    """`here`, `left out` or `unknown`."""
    n: int


@dataclass(slots=True)
class Flow:
    """The flow diagram, in order; flows of buckets add up."""

    counts: dict[tuple[str, str], int] = field(default_factory=dict)

    def note(self, step: str, n: int, *, kind: str = "here") -> None:
        """Add to a line; lines stand in the order in which they were first noted, zeros too."""
        self.counts[step, kind] = self.counts.get((step, kind), 0) + int(n)

    def add(self, other: Flow) -> None:
        """Add another bucket's flow."""
        for (step, kind), n in other.counts.items():
            self.note(step, n, kind=kind)

    def steps(self) -> list[FlowStep]:
        """The lines."""
        return [FlowStep(step=step, kind=kind, n=n) for (step, kind), n in self.counts.items()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stays:
    """The stays of some patients, by (patient, start, end): as they are known in the end."""

    patient: NDArray[np.int32]
    encounter: NDArray[np.int32]
    """Into `timeline.resource_words`."""
    start: Ints
    end: Ints
    """NAT = not ended."""

    def __len__(self) -> int:
        return len(self.start)

    def take(self, chosen: Mask | Ints) -> Stays:
        """The chosen stays."""
        return Stays(
            patient=self.patient[chosen],
            encounter=self.encounter[chosen],
            start=self.start[chosen],
            end=self.end[chosen],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Moments of prediction: one for each stay that has one, or several of the same stay, one after the other."""

    stays: Stays
    """The stay of each moment."""
    at: Ints


def find_stays(timeline: Timeline, wanted: CodeSet) -> Stays:
    """Every Encounter whose last version is of a wanted class."""
    if "Encounter.class" not in timeline.fields:
        none = np.empty(0, dtype=np.int32)
        return Stays(patient=none, encounter=none, start=none.astype(np.int64), end=none.astype(np.int64))
    matching = wanted.matching(timeline.code_words)
    rows = np.flatnonzero(timeline.field == timeline.fields.index("Encounter.class"))
    rows = rows[matching[timeline.codes[rows]] & (timeline.until[rows] == FOREVER) & (timeline.resource[rows] > 0)]
    patient = (np.searchsorted(timeline.starts, rows, side="right") - 1).astype(np.int32)
    stays = Stays(patient=patient, encounter=timeline.resource[rows], start=timeline.time[rows], end=timeline.end[rows])
    # An Encounter sent twice with different content and no version counts once, as its latest start says.
    order = np.lexsort((stays.end, stays.start, stays.encounter))
    last = np.append(stays.encounter[order][1:] != stays.encounter[order][:-1], np.ones(min(len(order), 1), dtype=bool))
    stays = stays.take(order[last])
    return stays.take(np.lexsort((stays.encounter, stays.end, stays.start, stays.patient)))


def continued(stays: Stays, transfer_hours: float) -> Mask:
    """True where the patient's next stay begins so soon that both are one episode (a transfer)."""
    same = np.zeros(len(stays), dtype=bool)
    if len(stays) > 1:
        gap = stays.start[1:] - stays.end[:-1]
        known = (stays.end[:-1] != NAT) & (stays.start[1:] != NAT)
        same[:-1] = known & (stays.patient[1:] == stays.patient[:-1]) & (gap <= round(transfer_hours * HOUR))
    return same


def opted_out(timeline: Timeline, data_end: int) -> Mask:
    """Per patient: whether the latest Consent to research in force at the end denies it. It holds for the past, too.

    A denial without a date holds; given on the same day, a denial and a permit are a denial.
    """
    out = np.zeros(len(timeline.patients), dtype=bool)
    if "Consent.provision" not in timeline.fields:
        return out
    rows = np.flatnonzero((timeline.field == timeline.fields.index("Consent.provision")) & (timeline.until == FOREVER))
    rows = rows[RESEARCH.matching(timeline.code_words)[timeline.codes[rows]]]
    rows = rows[(timeline.end[rows] == NAT) | (timeline.end[rows] > data_end)]
    said = np.array([word.rpartition("|")[2] for word in timeline.answer_words])
    rows = rows[np.isin(said[timeline.answer[rows]], ("deny", "permit"))]
    denies = said[timeline.answer[rows]] == "deny"
    patient = np.searchsorted(timeline.starts, rows, side="right") - 1
    when = np.where((timeline.time[rows] == NAT) & denies, FOREVER, timeline.time[rows])
    # In the order of time, a permit before a denial of the same moment: the last word of each patient stands.
    order = np.lexsort((denies, when, patient))
    out[patient[order]] = denies[order]
    return out


def find_moments(
    timeline: Timeline,
    guidance: Guidance,
    value_sets: ValueSets,
    flow: Flow,
    *,
    since: int = NAT,
    until: int = FOREVER,
    data_end: int | None = None,
) -> Moments:
    """The moments of prediction of each stay, between two times; stays without one are noted in the flow.

    `data_end`: up to when a Consent must hold and an open stay has landmarks; without it, the last event.
    """
    index = guidance.index
    last = int(timeline.time.max(initial=NAT)) if data_end is None else data_end
    stays = find_stays(timeline, value_sets.resolve(index.stay))
    flow.note("patients in the event store", len(timeline.patients))
    flow.note("stays", len(stays))

    def keep(chosen: Mask, why: str) -> None:
        nonlocal stays
        flow.note(why, int((~chosen).sum()), kind="left out")
        stays = stays.take(chosen)

    keep(~opted_out(timeline, last)[stays.patient], "the patient opted out of research")
    after = round(index.plus_hours * HOUR)
    if index.at == "discharge":
        # In this order: a stay that is still open may be what an episode went on in.
        keep(~continued(stays, guidance.outcome.transfer_hours), "transferred: the episode goes on in another stay")
        keep(stays.end != NAT, "the stay has not ended, or no end is known")
        at = stays.end + after
    elif index.at == "order":
        keep(stays.start != NAT, "no start of the stay is known")
        stays, at = _at_orders(timeline, guidance, value_sets, stays, flow)
    else:
        keep(stays.start != NAT, "no start of the stay is known")
        at = stays.start + after
        tolerated = round(index.hours_tolerated * HOUR)
        keep((stays.end == NAT) | (stays.end + tolerated >= at), "the stay ended before the moment of prediction")
        at = stays.start + after
        if index.every_hours is not None:
            stays, at = _landmarks(index, stays, at, last)
            flow.note(f"moments every {index.every_hours:g} hours of the stays", len(stays))
    inside = (at >= since) & (at < until)
    keep(inside, "outside the period asked for")
    flow.note("moments of prediction", len(stays))
    return Moments(stays=stays, at=at[inside])


def _at_orders(
    timeline: Timeline, guidance: Guidance, value_sets: ValueSets, stays: Stays, flow: Flow
) -> tuple[Stays, Ints]:
    """Each moment of a stay at which an order of the kind named was written."""
    name = guidance.index.of
    if name is None or name not in guidance.features:
        raise BadInput("the index does not say at which orders", place="index.of", remedy="Name a feature of the order")
    orders = find_orders(
        timeline,
        guidance.features[name],
        value_sets,
        encounter=stays.encounter,
        start=stays.start,
        end=stays.end,
    )
    flow.note("orders of none of these stays", orders.elsewhere, kind="left out")
    flow.note("orders written together with another one", orders.together, kind="left out")
    flow.note("moments of orders", len(orders.at))
    return stays.take(orders.stay), orders.at


def _landmarks(index: Index, stays: Stays, first: Ints, data_end: int) -> tuple[Stays, Ints]:
    """The first moment of each stay, and one every so many hours before it ends."""
    step = round((index.every_hours or 0) * HOUR)
    over = np.where(stays.end == NAT, data_end + 1, stays.end)
    further = np.maximum(over - first - 1, 0) // step
    of_stay = np.repeat(np.arange(len(stays)), further + 1)
    nth = np.arange(len(of_stay)) - np.repeat(np.cumsum(further + 1) - further - 1, further + 1)
    return stays.take(of_stay), first[of_stay] + nth * step


def in_population(population: Population, features: FeatureColumns, rows: int, flow: Flow) -> Mask:
    """Rows for whom the guidance is meant: every inclusion is true, and no exclusion is."""
    here = np.ones(rows, dtype=bool)
    for text in population.include:
        truth = parse(text).evaluate(features)
        flow.note(f"unknown whether: {text}", int((here & (truth == -1)).sum()), kind="left out")
        flow.note(f"not: {text}", int((here & (truth == 0)).sum()), kind="left out")
        here &= truth == 1
    for text in population.exclude:
        truth = parse(text).evaluate(features)
        flow.note(text, int((here & (truth == 1)).sum()), kind="left out")
        here &= truth != 1
        flow.note(f"unknown whether: {text}", int((here & (truth == -1)).sum()), kind="unknown")
    flow.note("in the population", int(here.sum()))
    return here
