"""What the packs of a release hold of what must be disclosed: reports, groups, the flow; read leniently, computed nowhere else.

`evidence.json` belongs to the learner and has a published schema; of it only the groups are read here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

import msgspec

from services.guidance.definition import Guidance
from services.guidance.estimate import Estimate
from services.guidance.evidence import EVALUATION_FILE, SILENT_FILE, Evaluation, Kind, SilentMonth, decode_report
from services.guidance.lifecycle import Verdict
from services.guidance.release import EvidencePack
from services.guidance.transparency.disclosure import Transparency
from services.timeline.errors import BadInput

GROUPS_FILE: Final = "evidence.json"
COHORT_FILE: Final = "cohort.json"
T = TypeVar("T")


class JudgedNumber(msgspec.Struct, frozen=True, kw_only=True):
    """A number of a group, and whether it keeps its limit."""

    verdict: Verdict
    estimate: Estimate | None = None


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table of groups."""

    attribute: str
    value: str
    rows: int
    patients: int
    auroc: JudgedNumber
    observed_expected: JudgedNumber
    sensitivity: JudgedNumber
    false_alarm_rate: JudgedNumber
    events: int | None = None

    @property
    def verdict(self) -> Verdict:
        """Does not meet if one number does not; meets if all do."""
        found = {one.verdict for one in (self.auroc, self.observed_expected, self.sensitivity, self.false_alarm_rate)}
        if "does not meet" in found:
            return "does not meet"
        return "meets" if found == {"meets"} else "cannot tell"


class NotLookedAt(msgspec.Struct, frozen=True, kw_only=True):
    """An attribute by which nobody could be told apart, and why."""

    attribute: str
    why: str


class Groups(msgspec.Struct, frozen=True, kw_only=True):
    """All groups of one prediction."""

    groups: tuple[Group, ...]
    level: float
    not_looked_at: tuple[NotLookedAt, ...] = ()


class _Looks(msgspec.Struct, frozen=True):
    groups: Groups


class _Prediction(msgspec.Struct, frozen=True, kw_only=True):
    label: str
    looks: _Looks | None = None


class _Document(msgspec.Struct, frozen=True):
    predictions: dict[str, _Prediction]


class Step(msgspec.Struct, frozen=True):
    """One line of the flow: how many were here, left out, or stay although unknown."""

    step: str
    kind: str
    n: int


class _Cohort(msgspec.Struct, frozen=True):
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dated:
    """A release of the guidance, and the day on which it was proposed."""

    version: str
    day: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One release and all that is known of it: what every attribute is computed from."""

    guidance: Guidance
    release: str
    """Its digest."""
    disclosed: Transparency = field(default_factory=Transparency)
    packs: Mapping[Kind, EvidencePack] = field(default_factory=dict)
    """The latest of each kind."""
    dates: tuple[Dated, ...] = ()
    """Oldest first; this release is the last of them."""

    def digest_of(self, kind: Kind) -> str:
        """The digest of a pack, or of the release where there is none."""
        pack = self.packs.get(kind)
        return self.release if pack is None else pack.digest

    @property
    def evaluation(self) -> Evaluation | None:
        """The training report; BadInput if it cannot be read."""
        data = self._file("training", EVALUATION_FILE)
        return None if data is None else decode_report(data, Evaluation, place=EVALUATION_FILE)

    @property
    def external(self) -> Evaluation | None:
        """The report of an external validation, where it is one of the shape that gates read."""
        data = self._file("external", EVALUATION_FILE)
        return None if data is None else decode_report(data, Evaluation, place=EVALUATION_FILE)

    @property
    def silent(self) -> SilentMonth | None:
        """The report of the silent period; BadInput if it cannot be read."""
        data = self._file("silent", SILENT_FILE)
        return None if data is None else decode_report(data, SilentMonth, place=SILENT_FILE)

    def groups(self, kind: Kind) -> dict[str, Groups]:
        """By label of the prediction, the groups of a pack; empty where none were looked at."""
        document = self._part(kind, GROUPS_FILE, _Document)
        if document is None:
            return {}
        return {one.label: one.looks.groups for one in document.predictions.values() if one.looks is not None}

    @property
    def flow(self) -> tuple[Step, ...]:
        """From everybody in the record to the rows that were learned from."""
        cohort = self._part("training", COHORT_FILE, _Cohort)
        return () if cohort is None else cohort.steps

    def _file(self, kind: Kind, name: str) -> bytes | None:
        pack = self.packs.get(kind)
        return None if pack is None else pack.files.get(name)

    def _part(self, kind: Kind, name: str, shape: type[T]) -> T | None:
        data = self._file(kind, name)
        if data is None:
            return None
        try:
            return msgspec.json.decode(data, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError) as fault:
            raise BadInput(
                f"this file of the {kind} evidence cannot be read: {fault}",
                place=name,
                remedy="Make the evidence again with the learner",
            ) from fault
