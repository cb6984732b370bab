"""For whom it is worse: every group of patients against limits fixed before the data, before anybody sees a card.

A group wholly outside a limit does not meet it, and blocks. One that cannot be told, because it is small, near a limit
or was not looked at, needs the equity reviewer, by name, with a plan to find out. The verdicts are drawn here again
from the intervals; what the report says of itself is not believed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from services.guidance.group_evidence import GROUPS_FILE, MEASURES, Group, Groups, read_groups
from services.guidance.lifecycle import SPEAKING, Check, Role, Verdict
from services.guidance.release import EvidencePack
from services.registry.decisions.checked import check, met
from services.registry.decisions.gate_facts import GateFacts
from services.timeline.errors import BadInput

EQUITY: Final[frozenset[Role]] = frozenset({"equity-reviewer"})
FAMILY: Final = 0.05  # what all intervals of a table together may miss
ERROR_RATES: Final = ("sensitivity", "false_alarm_rate")
"""What a guidance may leave to the committee (`evidence.error_rates`), before the data."""
MOST_NAMED: Final = 5
_ROUNDING: Final = 1e-9
_SAID: Final = {
    "auroc": "ranking",
    "observed_expected": "observed to expected",
    "sensitivity": "missed",
    "false_alarm_rate": "false alarms",
}


def subgroup_gate(facts: GateFacts) -> Iterator[Check]:
    """Asked before anybody sees a card."""
    pack = facts.packs.get("training")
    if facts.to not in SPEAKING or pack is None:
        return
    try:
        found = tuple(_groups(facts, pack))
    except BadInput as fault:
        found = (check("groups", "The groups of patients can be read", str(fault), "does not meet", pack),)
    yield from found


def _groups(facts: GateFacts, pack: EvidencePack) -> Iterator[Check]:
    if GROUPS_FILE not in pack.files:
        raise BadInput("nobody looked at groups of patients", place=GROUPS_FILE, remedy="Train again")
    told = read_groups(pack.files[GROUPS_FILE])
    limits = facts.guidance.evidence.model_dump(mode="json")
    yield check(
        "groups",
        "Every prediction was looked at by groups, against the limits that stand in the release",
        f"{len(told.predictions)} prediction(s), limits {'as in the release' if told.limits == limits else 'others'}",
        met(
            told.release == facts.release
            and told.limits == limits
            and told.predictions.keys() == facts.guidance.all_predictions.keys()
        ),
        pack,
    )
    first = next(iter(facts.guidance.all_predictions))
    for name, prediction in facts.guidance.all_predictions.items():
        groups = told.predictions.get(name)
        checks = _unjudged(pack) if groups is None else _of_prediction(groups, facts, pack)
        for one in checks:
            mine = one if name == first else replace(one, name=f"{name}/{one.name}")
            yield mine if name == first else replace(mine, asked=f"{prediction.label}: {one.asked}")


def _unjudged(pack: EvidencePack) -> Iterator[Check]:
    yield _doubt("groups/all", "For whom it is worse", "it could not be judged here, so nobody looked", pack)


def _of_prediction(groups: Groups, facts: GateFacts, pack: EvidencePack) -> Iterator[Check]:
    wide = 1 - FAMILY / max(len(groups.groups), 1)
    agreed = facts.guidance.evidence.observed_expected
    same = all(tuple(one.observed_expected.limit) == agreed for one in (*groups.groups, *groups.intersections))
    yield check(
        "groups/intervals",
        f"Intervals are widened for the {len(groups.groups)} groups looked at, and held against the agreed limits",
        f"each at {groups.level:.2%}",
        met(groups.level >= wide - _ROUNDING and same),
        pack,
        level=groups.level,
        groups=len(groups.groups),
    )
    by_attribute: dict[str, list[Group]] = {}
    for group in (*groups.groups, *groups.intersections):
        by_attribute.setdefault(group.attribute, []).append(group)
    to_committee = facts.guidance.evidence.error_rates == "committee"
    for attribute, members in by_attribute.items():
        yield _attribute(attribute, members, pack, to_committee=to_committee)
    for missing in groups.not_looked_at:
        yield _doubt(f"groups/{missing.attribute}", f"By {missing.attribute}: nobody is worse off", missing.why, pack)


def _attribute(attribute: str, members: Sequence[Group], pack: EvidencePack, *, to_committee: bool) -> Check:
    worse: list[str] = []
    other: list[str] = []
    unsure: list[str] = []
    for group in members:
        verdicts = {name: getattr(group, name).judged(small=group.small) for name in MEASURES}
        bad = [_SAID[name] for name, verdict in verdicts.items() if verdict == "does not meet"]
        only_errors = to_committee and not set(bad) - {_SAID[name] for name in ERROR_RATES}
        if bad:
            (other if only_errors else worse).append(f"{group.value} ({', '.join(bad)})")
        elif "cannot tell" in verdicts.values():
            unsure.append(group.value)
    asked = f"By {attribute}: no group is worse off than agreed"
    name = f"groups/{attribute}"
    counts: dict[str, float] = {"groups": len(members), "worse": len(worse) + len(other), "unsure": len(unsure)}
    if worse:
        return _told(name, asked, f"worse for {_some(worse)}", "does not meet", pack, counts)
    if other:
        # Of a group that is less ill fewer are flagged, however right the risks are: the release left that to people.
        more = f"; {len(unsure)} of {len(members)} cannot be told" if unsure else ""
        return _doubt(name, asked, f"outside its limit: {_some(other)}; for the committee{more}", pack, counts)
    if unsure:
        found = f"{len(unsure)} of {len(members)} cannot be told: {_some(unsure)}"
        return _doubt(name, asked, found, pack, numbers=counts)
    return _told(name, asked, f"all {len(members)} groups keep every limit", "meets", pack, counts)


def _told(
    name: str, asked: str, found: str, verdict: Verdict, pack: EvidencePack, numbers: Mapping[str, float]
) -> Check:
    return replace(check(name, asked, found, verdict, pack), numbers=numbers)


def _doubt(name: str, asked: str, found: str, pack: EvidencePack, numbers: Mapping[str, float] | None = None) -> Check:
    doubted = check(name, asked, found, "cannot tell", pack, accepted_by=EQUITY)
    return replace(doubted, asks_plan=True, numbers=numbers or {})


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
