"""The silent period: what a release would have said while it said nothing, weighed against what then happened.

Decisions exported by CDS are joined with outcomes in the event store by patient and encounter. A stay counts once, by
its first scored decision; it would have been flagged if any of its decisions would have carried a card.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.guidance.alert_evidence import FEWEST, Alerts
from services.guidance.bedside_evidence import Bedside
from services.guidance.evidence import SILENT_FILE, Calibration, SilentMonth, Skew, encode_report
from services.guidance.group_evidence import SILENT_GROUPS_FILE
from services.guidance.outcome import horizon_passed, label_outcome
from services.guidance.ready import Release, open_release
from services.guidance.release import EvidencePack, ReleaseBundle
from services.learner.evidence.at_the_bedside import at_the_bedside
from services.learner.evidence.decisions_file import Exported, LoggedDecision, read_export
from services.learner.evidence.intervals import observed_expected, share_of
from services.learner.evidence.silent_groups import GroupRows, silent_groups
from services.learner.evidence.skew import SkewFound, causes_of, compare_features, joined
from services.plumbing.event_store import EventStore
from services.plumbing.event_table import bucket_of
from services.timeline.errors import BadInput
from services.timeline.instants import instant_text
from services.timeline.timeline import assemble, index_rows

SKEW_FILE: Final = "skew.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class SilentEvidence:
    """The report of a silent period, and the pack that a vote reads."""

    report: SilentMonth
    skew: SkewFound
    exported: Exported
    """What was read, and what else was there."""
    outcomes: dict[str, int]
    """Stays by the state of their outcome."""
    pack: EvidencePack


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stay:
    """One stay with at least one decision that was scored, or that a rule alone would have shown."""

    first: LoggedDecision
    flagged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A stay whose outcome is known."""

    stay: _Stay
    y: int


def weigh_silence(
    store: EventStore,
    bundle: ReleaseBundle,
    decisions: Path,
    *,
    data_end: int | None = None,
    since: int | None = None,
    until: int | None = None,
    on_bucket: Callable[[int], None] = lambda _: None,
) -> SilentEvidence:
    """Calibration, alert burden, unknown share and skew of one release in its silent stage.

    `decisions`: a file, archive or folder of exports. `since`, `until`: only decisions of these moments (microseconds).
    """
    release = open_release(bundle)
    exported = read_export(decisions, guidance=release.guidance.id, release=bundle.digest, since=since, until=until)
    silent = [one for one in exported.decisions if one.stage == "silent"]
    if not silent:
        raise BadInput(
            "none of these decisions was made in the silent stage",
            place=str(decisions),
            remedy="Export the decisions of the time before the pilot",
        )
    end = store.latest_known("Encounter.") if data_end is None else data_end
    stays = _stays(silent)
    found: list[SkewFound] = []
    outcomes: Counter[str] = Counter()
    known: list[_Known] = []
    groups: list[GroupRows] = []
    in_record: set[str] = set()
    for number in range(store.buckets):
        here = [one for one in silent if bucket_of(one.person, store.buckets) == number]
        columns = store.read_bucket(number) if here else None
        if columns is not None:
            timeline = assemble(columns)
            people = set(timeline.patients)
            in_record |= people & {one.person for one in here}
            # Of whom there is no record, history says nothing: that is no skew, and is counted by itself.
            there = [one for one in here if one.person in people]
            found.append(compare_features(release.guidance, release.value_sets, release.plan, columns, there))
            own = [stay for stay in stays if bucket_of(stay.first.person, store.buckets) == number]
            rows = index_rows(
                timeline,
                [stay.first.person for stay in own],
                [stay.first.moment for stay in own],
                [stay.first.stay for stay in own],
            )
            labels = label_outcome(release.guidance, release.value_sets, timeline, rows, end)
            outcomes.update(labels.state)
            passed = horizon_passed(release.guidance.outcome, rows.at, end).tolist()
            here_known = [
                _Known(stay=stay, y=y) if judged and y >= 0 else None
                for stay, y, judged in zip(own, labels.y.tolist(), passed, strict=True)
            ]
            known += [one for one in here_known if one is not None]
            scored = np.array([one is not None and one.stay.first.risk is not None for one in here_known], dtype=bool)
            if scored.any():
                groups.append(GroupRows.read(release, timeline, rows, scored))
        on_bucket(number + 1)
    skew = joined(found)
    matured = [one for one in known if one.stay.first.risk is not None]
    report = _report(
        release, silent, stays, known, matured, skew, at_the_bedside(silent, in_record, skew, exported.answers)
    )
    details = {
        "identical": skew.identical,
        "causes": dict(sorted(skew.causes.items())),
        "by_feature": [
            {"feature": feature, "cause": cause, "values": n} for (feature, cause), n in sorted(skew.by_feature.items())
        ],
        "outcomes": dict(sorted(outcomes.items())),
        "stays": len(stays),
    }
    by_group = silent_groups(
        release.guidance,
        bundle.digest,
        GroupRows.joined(groups) if groups else None,
        y=np.array([one.y for one in matured], dtype=np.int8),
        risk=np.array([one.stay.first.risk for one in matured], dtype=np.float64),
        patients=_numbers(one.stay.first.person for one in matured),
        carded=np.array([one.stay.flagged for one in matured], dtype=bool),
    )
    pack = EvidencePack(
        evidence="silent",
        release=bundle.digest,
        files={
            SILENT_FILE: encode_report(report),
            SKEW_FILE: msgspec.json.format(msgspec.json.encode(details)),
            SILENT_GROUPS_FILE: by_group,
        },
    )
    return SilentEvidence(report=report, skew=skew, exported=exported, outcomes=dict(outcomes), pack=pack)


def _stays(decisions: Sequence[LoggedDecision]) -> list[_Stay]:
    """Each stay by its first scored decision; a decision without an encounter stands for itself."""
    by_stay: dict[tuple[str, str], list[LoggedDecision]] = {}
    for one in decisions:
        if one.risk is not None or one.would_have_spoken:
            by_stay.setdefault((one.person, one.stay or one.decision), []).append(one)
    return [
        _Stay(
            first=next((one for one in together if one.risk is not None), together[0]),
            flagged=any(one.would_have_spoken for one in together),
        )
        for together in by_stay.values()
    ]


def _report(
    release: Release,
    silent: Sequence[LoggedDecision],
    stays: Sequence[_Stay],
    known: Sequence[_Known],
    matured: Sequence[_Known],
    skew: SkewFound,
    bedside: Bedside,
) -> SilentMonth:
    published = release.guidance.model.published is not None
    if not matured and not published:
        raise BadInput(
            "no decision has a known outcome yet",
            remedy=f"Wait until {release.guidance.outcome.name} can be known, ingest again, and weigh again",
        )
    states = Counter(state for one in silent for state in one.states.values())
    risk = np.array([one.stay.first.risk for one in matured], dtype=np.float64)
    happened = np.array([one.y for one in matured], dtype=np.int8)
    flagged = np.array([stay.flagged for stay in stays], dtype=bool)
    return SilentMonth(
        guidance=release.guidance.id,
        release=release.digest,
        since=instant_text(min(one.moment for one in silent)),
        until=instant_text(max(one.moment for one in silent)),
        decisions=len(silent),
        matured=len(matured),
        events=int(happened.sum()),
        calibration=Calibration(
            observed=float(happened.sum()),
            expected=float(risk.sum()),
            o_e=observed_expected(happened, risk, _numbers(one.stay.first.person for one in matured)),
        )
        if matured
        else None,
        alert_rate=share_of(flagged, _numbers(stay.first.person for stay in stays)),
        alert_budget=release.guidance.policy.alert_budget,
        skew=Skew(compared=skew.compared, different=skew.different, causes=causes_of(skew)),
        unknown_share=states["unknown"] / max(sum(states.values()), 1),
        alerts=_alerts([one for one in known if one.stay.flagged]) if known else None,
        bedside=bedside,
    )


def _alerts(carded: Sequence[_Known]) -> Alerts:
    """Of the stays that would have had a card, those with the outcome."""
    right = np.array([one.y == 1 for one in carded], dtype=bool)
    patients = _numbers(one.stay.first.person for one in carded)
    people = len(np.unique(patients))
    if people < FEWEST:
        return Alerts(stays=len(carded), patients=people)
    return Alerts(stays=len(carded), patients=people, right=int(right.sum()), ppv=share_of(right, patients))


def _numbers(people: Iterable[str]) -> NDArray[np.int64]:
    """A number for each person."""
    return np.unique(list(people), return_inverse=True)[1].astype(np.int64)
