"""The groups of patients in evidence, as a gate reads them: the part of `evidence.json` that says for whom it is worse.

The document holds much more, and has a schema of its own; here stands only what a rule is applied to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec

from services.guidance.estimate import Estimate
from services.guidance.lifecycle import Verdict
from services.timeline.errors import BadInput

GROUPS_FILE: Final = "evidence.json"
SILENT_GROUPS_FILE: Final = "groups.json"
"""Of a silent period: the same of its stays, by who would have had a card."""
MEASURES: Final = ("auroc", "observed_expected", "sensitivity", "false_alarm_rate")
"""What every group is judged by."""


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """One number of one group, and the limit that it must keep; no number where there were too few."""

    estimate: Estimate | None
    limit: tuple[float | None, float | None]
    by_its_risks: float | None = None
    """Of an error rate: what it would be if each risk of the group were right; None: the evidence does not say."""

    @property
    def follows_from_risks(self) -> bool:
        """Whether an error rate beyond its limit is no worse than the group's own risks make it: its interval reaches that."""
        if self.estimate is None or self.by_its_risks is None:
            return False
        low, high = self.estimate.ci
        least, _ = self.limit
        return high >= self.by_its_risks if least is not None else low <= self.by_its_risks

    def judged(self, *, small: bool) -> Verdict:
        """The whole interval inside the limit meets, wholly outside does not, across it cannot tell; too few never can."""
        if self.estimate is None or small:
            return "cannot tell"
        low, high = self.estimate.ci
        least, most = self.limit
        if (most is not None and low > most) or (least is not None and high < least):
            return "does not meet"
        inside = (least is None or least <= low) and (most is None or high <= most)
        return "meets" if inside else "cannot tell"


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """One group of patients; `small`: too few to judge."""

    attribute: str
    value: str
    rows: Annotated[int, msgspec.Meta(ge=0)]
    small: bool
    auroc: Measure
    observed_expected: Measure
    sensitivity: Measure
    false_alarm_rate: Measure
    patients: Annotated[int, msgspec.Meta(ge=0)] | None = None

    @property
    def verdict(self) -> Verdict:
        """Does not meet if one number does not; meets if all do."""
        found = {getattr(self, name).judged(small=self.small) for name in MEASURES}
        if "does not meet" in found:
            return "does not meet"
        return "meets" if found == {"meets"} else "cannot tell"


class NotLookedAt(msgspec.Struct, frozen=True, kw_only=True):
    """An attribute by which nobody could be told apart, and why."""

    attribute: str
    why: str


class Groups(msgspec.Struct, frozen=True, kw_only=True):
    """Every group that was looked at, and the level of each interval."""

    groups: tuple[Group, ...]
    level: float
    intersections: tuple[Group, ...] = ()
    not_looked_at: tuple[NotLookedAt, ...] = ()


class _Looks(msgspec.Struct):
    groups: Groups


class _Prediction(msgspec.Struct):
    looks: _Looks | None


class _Document(msgspec.Struct):
    release: str
    limits: dict[str, Any]
    predictions: dict[str, _Prediction]


class GroupEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """What a document says of groups: of which release, held against which limits, and by prediction."""

    release: str
    limits: dict[str, Any]
    predictions: Mapping[str, Groups | None]
    """None: that prediction could not be judged, so nobody looked."""


_DOCUMENT: Final = msgspec.json.Decoder(_Document)


def read_groups(data: bytes, *, place: str = GROUPS_FILE) -> GroupEvidence:
    """The groups in an `evidence.json`, or a silent period's `groups.json`; BadInput if it cannot be read."""
    try:
        found = _DOCUMENT.decode(data)
    except (msgspec.DecodeError, ValueError) as fault:
        raise BadInput(
            f"the evidence of groups cannot be read: {fault}", place=place, remedy="Make it again, and file it anew"
        ) from fault
    return GroupEvidence(
        release=found.release,
        limits=found.limits,
        predictions={name: None if one.looks is None else one.looks.groups for name, one in found.predictions.items()},
    )
