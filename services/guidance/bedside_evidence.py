"""What the CDS service itself did in a silent period, by its own log: whose calls, how they ended, how fast, and from what data.

It stands in `silent.json` beside what became of the patients. Counts are of decisions: one for each call.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from services.guidance.estimate import Estimate

Count = Annotated[int, msgspec.Meta(ge=0)]


class FeatureAtBedside(msgspec.Struct, frozen=True, kw_only=True):
    """One feature as the service read it, against the rebuild from the final history."""

    feature: str
    read: Count
    """Decisions that say what was known of it."""
    unknown: Count
    """Of these, those for which it was unknown."""
    compared: Count
    """Of these, those whose patient is in the record."""
    different: Count
    """Of the compared, those in which history says something else."""

    def __post_init__(self) -> None:
        if not (self.different <= self.compared <= self.read and self.unknown <= self.read):
            raise ValueError("`different` <= `compared` <= `read` and `unknown` <= `read` must hold")


class Milliseconds(msgspec.Struct, frozen=True, kw_only=True):
    """How long one part of a call took."""

    calls: Count
    p50: float
    p95: float
    p99: float


class BesideAnother(msgspec.Struct, frozen=True, kw_only=True):
    """Calls that another release answered, which spoke, while this one computed beside it."""

    decisions: Count
    """Made so."""
    compared: Count
    """Of these, those for which the decision that answered is in the same export."""
    both: Count
    """Of the compared, those for which a card was due by either release; likewise the next two."""
    only_this: Count
    only_other: Count
    shown: Count
    """Of the compared, those in which staff saw the other's card."""

    def __post_init__(self) -> None:
        if not self.both + self.only_this + self.only_other <= self.compared <= self.decisions:
            raise ValueError("`both` + `only_this` + `only_other` <= `compared` <= `decisions` must hold")
        if self.shown > self.both + self.only_other:
            raise ValueError("`shown` <= `both` + `only_other` must hold")


class Bedside(msgspec.Struct, frozen=True, kw_only=True):
    """The decisions of a silent period as the CDS service kept them."""

    live: Count
    """Kept within a day of the moment that they are about: calls as they came."""
    replayed: Count
    """About another time than that in which they were kept."""
    ended: dict[str, int]
    """Decisions by how they ended: silent, below-band, unknown, failed and so on; they add up to `live` and `replayed`."""
    failed: Estimate
    """Share that ended in a fault: the caller got 503."""
    refused: Estimate
    """Share for which required data were unknown: the caller got 412."""
    abstained: Estimate
    """Share for which too much was unknown to say anything."""
    with_card: Estimate
    """Share of calls for which a card was due; a stay whose chart is opened ten times counts ten times."""
    clinicians: Count
    clinician_days: Count
    """Clinician by day (UTC), of the calls that name one."""
    cards_per_clinician_day: float | None
    """Cards due in the calls that name a clinician, for each clinician's day; None: no call names one."""
    most_cards_in_a_day: Count
    """The most that one clinician would have met in one day."""
    answers: Count
    """Feedback on cards of these decisions: there should be none, as nobody was to see one."""
    not_in_record: Count
    """Decisions about patients whom the learner's record does not have: nothing can be said of them."""
    pseudonyms: Count
    """Of these, decisions that the log has under a pseudonym already: exported too late."""
    differing: Estimate | None
    """Share of decisions in which at least one feature is not what history says; None: none could be compared."""
    beside: BesideAnother | None = None
    """None: this release answered every call itself."""
    features: tuple[FeatureAtBedside, ...] = ()
    milliseconds: dict[str, Milliseconds] = {}
    """By part of a call, and `all` for the sum of its parts; empty where the log does not say."""

    def __post_init__(self) -> None:
        if sum(self.ended.values()) != self.decisions:
            raise ValueError("`ended` must add up to `live` and `replayed`")
        if not self.pseudonyms <= self.not_in_record <= self.decisions:
            raise ValueError("`pseudonyms` <= `not_in_record` <= all decisions must hold")

    @property
    def decisions(self) -> int:
        """All of them."""
        return self.live + self.replayed

    @property
    def shown(self) -> int:
        """Cards that somebody saw all the same."""
        return self.ended.get("shown", 0)

    @property
    def in_record(self) -> float:
        """Share of decisions whose patient the learner knows."""
        return 1 - self.not_in_record / self.decisions if self.decisions else 0.0
