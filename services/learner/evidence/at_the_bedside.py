"""What the CDS service did in a silent period, counted from its own decisions: how calls ended, how often a card was due, how fast."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.guidance.bedside_evidence import Bedside, BesideAnother, FeatureAtBedside, Milliseconds
from services.guidance.estimate import Estimate
from services.learner.evidence.decisions_file import LoggedDecision, Other
from services.learner.evidence.intervals import share_of
from services.learner.evidence.skew import SkewFound
from services.timeline.instants import DAY

ALL: Final = "all"


def at_the_bedside(
    decisions: Sequence[LoggedDecision], in_record: Collection[str], skew: SkewFound, answers: Mapping[str, Other]
) -> Bedside:
    """`in_record`: the patients whom the learner knows; `skew` is of the decisions about these.

    `answers`: by id, what another release answered where these were computed beside it.
    """
    people = _numbers(one.person for one in decisions)
    ended = Counter(one.status for one in decisions)
    strangers = [one for one in decisions if one.person not in in_record]

    def share(status: str) -> Estimate:
        return share_of(np.array([one.status == status for one in decisions], dtype=bool), people)

    named = Counter((one.user, one.moment // DAY) for one in decisions if one.user)
    cards = Counter((one.user, one.moment // DAY) for one in decisions if one.user and one.would_have_spoken)
    live = sum(one.live for one in decisions)
    return Bedside(
        live=live,
        replayed=len(decisions) - live,
        ended=dict(sorted(ended.items())),
        failed=share("failed"),
        refused=share("unknown"),
        abstained=share("abstained"),
        with_card=share_of(np.array([one.would_have_spoken for one in decisions], dtype=bool), people),
        clinicians=len({user for user, _ in named}),
        clinician_days=len(named),
        cards_per_clinician_day=sum(cards.values()) / len(named) if named else None,
        most_cards_in_a_day=max(cards.values(), default=0),
        answers=sum(len(one.feedback) for one in decisions),
        not_in_record=len(strangers),
        pseudonyms=sum(one.pseudonymous for one in strangers),
        differing=_differing(decisions, skew),
        beside=_beside(decisions, answers),
        features=tuple(_features(decisions, skew)),
        milliseconds=_milliseconds(decisions),
    )


def _beside(decisions: Sequence[LoggedDecision], answers: Mapping[str, Other]) -> BesideAnother | None:
    beside = [one for one in decisions if one.beside]
    if not beside:
        return None
    pairs = [(one.would_have_spoken, answers[one.beside]) for one in beside if one.beside in answers]
    return BesideAnother(
        decisions=len(beside),
        compared=len(pairs),
        both=sum(due and answer.due for due, answer in pairs),
        only_this=sum(due and not answer.due for due, answer in pairs),
        only_other=sum(answer.due and not due for due, answer in pairs),
        shown=sum(answer.shown for _, answer in pairs),
    )


def _differing(decisions: Sequence[LoggedDecision], skew: SkewFound) -> Estimate | None:
    compared = [one for one in decisions if one.decision in skew.decisions]
    if not compared:
        return None
    differs = np.array([skew.decisions[one.decision] for one in compared], dtype=bool)
    return share_of(differs, _numbers(one.person for one in compared))


def _features(decisions: Sequence[LoggedDecision], skew: SkewFound) -> Iterable[FeatureAtBedside]:
    read = Counter(name for one in decisions for name in one.states)
    unknown = Counter(name for one in decisions for name, state in one.states.items() if state == "unknown")
    different: Counter[str] = Counter()
    for (name, _), count in skew.by_feature.items():
        different[name] += count
    for name in sorted(read):
        yield FeatureAtBedside(
            feature=name,
            read=read[name],
            unknown=unknown[name],
            compared=skew.compared_by_feature[name],
            different=different[name],
        )


def _milliseconds(decisions: Sequence[LoggedDecision]) -> dict[str, Milliseconds]:
    """By part in the order in which the service names them, their sum first."""
    timed = [one.latency for one in decisions if one.latency]
    parts = list(dict.fromkeys(part for one in timed for part in one))
    spent = {ALL: [sum(one.values()) for one in timed]} if timed else {}
    spent |= {part: [one[part] for one in timed if part in one] for part in parts}
    return {part: _quantiles(np.array(found, dtype=np.float64) / 1000) for part, found in spent.items()}


def _quantiles(milliseconds: NDArray[np.float64]) -> Milliseconds:
    p50, p95, p99 = (round(float(found), 3) for found in np.quantile(milliseconds, (0.5, 0.95, 0.99)))
    return Milliseconds(calls=len(milliseconds), p50=p50, p95=p95, p99=p99)


def _numbers(people: Iterable[str]) -> NDArray[np.int64]:
    return np.unique(list(people), return_inverse=True)[1].astype(np.int64)
