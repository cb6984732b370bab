"""What the packs of a release hold of what must be disclosed: reports, groups, the flow; read leniently, computed nowhere else.

The reports are read by the functions that the gates read them with; of `cohort.json` only the flow is read here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

import msgspec

from services.guidance.definition import Guidance
from services.guidance.evidence import EVALUATION_FILE, SILENT_FILE, Evaluation, Kind, SilentMonth, decode_report
from services.guidance.group_evidence import GROUPS_FILE, SILENT_GROUPS_FILE, Groups, read_groups
from services.guidance.release import EvidencePack
from services.guidance.transparency.disclosure import Transparency
from services.guidance.trial_evidence import TRIAL_FILE, TrialReport
from services.timeline.errors import BadInput

COHORT_FILE: Final = "cohort.json"
T = TypeVar("T")


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

    @property
    def trial(self) -> TrialReport | None:
        """The report of a trial; BadInput if it cannot be read."""
        data = self._file("trial", TRIAL_FILE)
        return None if data is None else decode_report(data, TrialReport, place=TRIAL_FILE)

    def groups(self, kind: Kind) -> dict[str, Groups]:
        """By label of the prediction, the groups of a pack; empty where none were looked at."""
        name = SILENT_GROUPS_FILE if kind == "silent" else GROUPS_FILE
        data = self._file(kind, name)
        if data is None:
            return {}
        told, predictions = read_groups(data, place=name).predictions, self.guidance.all_predictions
        return {one.label: found for name, one in predictions.items() if (found := told.get(name)) is not None}

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
