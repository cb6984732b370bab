"""For whom it is worse: every group of patients against limits fixed before the data, before anybody sees a card.

A group wholly outside a limit does not meet it, and blocks. One that cannot be told, because it is small, near a limit
or was not looked at, needs the equity reviewer, by name, with a plan to find out. The verdicts are drawn here again
from the intervals; what the report says of itself is not believed.

A guidance may leave error rates to the committee (`evidence.error_rates`). Even then a group blocks that is missed, or
flagged for nothing, more than its own risks make it; what remains is a question of its own, with the figures in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from services.guidance.group_evidence import GROUPS_FILE, MEASURES, Group, Groups, Measure, read_groups
from services.guidance.lifecycle import SPEAKING, Check, Role, Verdict
from services.guidance.release import EvidencePack
from services.guidance.words.group_wording import error_rate
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
        yield from _attribute(attribute, members, pack, to_committee=to_committee)
    for missing in groups.not_looked_at:
        yield _doubt(f"groups/{missing.attribute}", f"By {missing.attribute}: nobody is worse off", missing.why, pack)


def _attribute(attribute: str, members: Sequence[Group], pack: EvidencePack, *, to_committee: bool) -> Iterator[Check]:
    """Who is worse off, or cannot be told; and apart from it, to be answered on its own, what was left to the committee."""
    worse: list[str] = []
    unsure: list[str] = []
    left: list[str] = []
    for group in members:
        verdicts = {name: getattr(group, name).judged(small=group.small) for name in MEASURES}
        bad = [name for name, verdict in verdicts.items() if verdict == "does not meet"]
        theirs = [name for name in bad if to_committee and _may_be_left(name, group)]
        if theirs:
            left.append(f"{group.value}: {' and '.join(error_rate(name, getattr(group, name)) for name in theirs)}")
        if others := [_SAID[name] for name in bad if name not in theirs]:
            worse.append(f"{group.value} ({', '.join(others)})")
        elif "cannot tell" in verdicts.values():
            unsure.append(group.value)
    asked = f"By {attribute}: no group is worse off than agreed"
    name = f"groups/{attribute}"
    counts: dict[str, float] = {"groups": len(members), "worse": len(worse) + len(left), "unsure": len(unsure)}
    if worse:
        yield _told(name, asked, f"worse for {_some(worse)}", "does not meet", pack, counts)
    elif unsure:
        found = f"{len(unsure)} of {len(members)} cannot be told: {_some(unsure)}"
        yield _doubt(name, asked, found, pack, numbers=counts)
    else:
        kept = "every limit but those left to the committee" if left else "every limit"
        yield _told(name, asked, f"all {len(members)} groups keep {kept}", "meets", pack, counts)
    if left:
        yield _left_to_committee(attribute, left, pack)


def _may_be_left(name: str, group: Group) -> bool:
    """Whether an error rate beyond its limit is no more than the risks of this group make it, as far as can be told."""
    measure: Measure = getattr(group, name)
    return name in ERROR_RATES and measure.follows_from_risks


def _left_to_committee(attribute: str, left: Sequence[str], pack: EvidencePack) -> Check:
    """Not a doubt of the figures: they are outside. Whether that is right for these patients is for people to say."""
    return _doubt(
        f"groups/{attribute}/error-rates",
        f"By {attribute}: somebody answers for groups that are outside a limit because their risks are other than the average",
        f"OUTSIDE the limit agreed before the data: {'; '.join(left)}",
        pack,
        numbers={"outside": len(left)},
    )


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
