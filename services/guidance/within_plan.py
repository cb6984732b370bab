"""Whether an update stays within the change plan of the release that it updates: line by line, each with what was found.

Pure: two releases, their evidence and counts come in as values. A line that does not hold is no fault of the update; it
says why the whole committee must agree, as for anything new.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import msgspec

from services.guidance.change_plan import ChangePlan
from services.guidance.definition import Guidance
from services.guidance.estimate import Estimate
from services.guidance.folder import GUIDANCE_FILE
from services.guidance.overlay import check_within_plan
from services.guidance.release import ReleaseBundle, canonical_json, model_file, reference_file
from services.timeline.errors import KnowdoError

EVIDENCE_FILE: Final = "evidence.json"
INCUMBENT: Final = "incumbent"
"""What `evidence.json` calls the release that it was held against on the same cases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanLine:
    """One thing that the plan asks of an update."""

    name: str
    asked: str
    found: str
    holds: bool


def plan_digest(plan: ChangePlan) -> str:
    """What a plan is named by: the SHA-256 of its canonical JSON."""
    return f"sha256:{sha256(canonical_json(plan.model_dump(mode='json'))).hexdigest()}"


def text_lines(old: Guidance, new: Guidance) -> Iterator[PlanLine]:
    """The plan and the text: nothing but the version may differ, and thresholds where the plan lets them move."""
    assert old.change_plan is not None  # noqa: S101 (whoever asks has a plan)
    same = new.change_plan == old.change_plan
    yield PlanLine(
        name="plan",
        asked="The update has the same change plan",
        found="the same" if same else "another one",
        holds=same,
    )
    bands = new.policy.model_copy(update={"bands": old.policy.bands})
    rest = new.model_copy(update={"version": old.version, "policy": bands, "change_plan": old.change_plan})
    differ = sorted(name for name in type(old).model_fields if getattr(old, name) != getattr(rest, name))
    yield PlanLine(
        name="text",
        asked="No input, outcome, population, card or policy differs, only the version",
        found=f"{', '.join(differ)} differ" if differ else "only the version",
        holds=not differ,
    )
    moved = _moved_too_far(old, new)
    yield PlanLine(
        name="thresholds",
        asked="Thresholds are as they were, or where the plan lets them lie",
        found=moved or ("as they were" if old.policy.bands == new.policy.bands else "within the plan"),
        holds=not moved,
    )


def file_line(old: ReleaseBundle, new: ReleaseBundle, guidance: Guidance) -> PlanLine:
    """The models: fitted or calibrated anew where the plan allows that, of the same family, on the same inputs."""
    assert guidance.change_plan is not None  # noqa: S101 (whoever asks has a plan)
    beyond = list(_beyond(old.files, new.files, guidance, guidance.change_plan))
    changed = sorted(_changed(old.files, new.files) - {GUIDANCE_FILE})
    return PlanLine(
        name="models",
        asked=f"Of the files only models differ, as the plan allows ({', '.join(guidance.change_plan.allows) or 'nothing'})",
        found="; ".join(beyond) or (f"{', '.join(changed)} made anew" if changed else "none differs"),
        holds=not beyond,
    )


def updates_line(plan: ChangePlan, before: int) -> PlanLine:
    """How many came before it in a year."""
    return PlanLine(
        name="updates",
        asked=f"At most {plan.updates_per_year} updates in 365 days",
        found=f"{before} before this one",
        holds=before < plan.updates_per_year,
    )


def comparison_line(plan: ChangePlan, data: bytes | None, *, release: str, against: str) -> PlanLine:
    """Not worse than the release that it updates, on the same cases, by the lower end of the interval."""
    found, holds = _compared(plan, data, release=release, against=against)
    return PlanLine(
        name="comparison",
        asked=f"On the same cases its AUROC is not below that of the release it updates by {plan.not_worse_by:g} or more",
        found=found,
        holds=holds,
    )


def _moved_too_far(old: Guidance, new: Guidance) -> str:
    if old.policy.bands == new.policy.bands:
        return ""
    try:
        check_within_plan(old, "every site", {"bands": [band.model_dump() for band in new.policy.bands]})
    except KnowdoError as fault:
        return fault.message
    return ""


def _changed(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> set[str]:
    return {name for name in {*old, *new} if old.get(name) != new.get(name)}


def _beyond(old: Mapping[str, bytes], new: Mapping[str, bytes], guidance: Guidance, plan: ChangePlan) -> Iterator[str]:
    models = {model_file(name) for name in guidance.all_predictions}
    references = {reference_file(name) for name in guidance.all_predictions}
    for name in sorted(_changed(old, new) - {GUIDANCE_FILE}):
        if name in references and "refit" in plan.allows:
            continue
        if name not in models:
            yield f"{name} differs"
        elif reason := _model_beyond(old.get(name), new.get(name), plan):
            yield f"{name}: {reason}"


def _model_beyond(old: bytes | None, new: bytes | None, plan: ChangePlan) -> str:
    was, now = _object(old), _object(new)
    if was is None or now is None:
        return "it is not there in both, or cannot be read"
    if was.get("kind") != now.get("kind"):
        return f"another family, {was.get('kind')} before and {now.get('kind')} now"
    if was.get("inputs") != now.get("inputs"):
        return "it reads other inputs"
    if "refit" in plan.allows:
        return ""
    only_calibration = {**was, "calibration": None} == {**now, "calibration": None}
    if "recalibrate" in plan.allows:
        return "" if only_calibration else "more than its calibration differs"
    return "the plan lets no model differ"


def _object(data: bytes | None) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(data or b"")
    except msgspec.DecodeError:
        return None
    return found if isinstance(found, dict) else None


class _Rival(msgspec.Struct):
    kind: str
    gain: Estimate


class _Looks(msgspec.Struct):
    rivals: tuple[_Rival, ...] = ()


class _Prediction(msgspec.Struct):
    looks: _Looks | None


class _Document(msgspec.Struct):
    release: str
    predictions: dict[str, _Prediction]
    against: str | None = None


_DOCUMENT: Final = msgspec.json.Decoder(_Document)


def _compared(plan: ChangePlan, data: bytes | None, *, release: str, against: str) -> tuple[str, bool]:
    again = f"make the evidence with `--against {against}`"
    if data is None:
        return f"no comparison is filed; {again}", False
    try:
        document = _DOCUMENT.decode(data)
    except (msgspec.DecodeError, ValueError):
        return f"the evidence cannot be read; {again}", False
    if document.release != release or document.against != against or not document.predictions:
        return f"it was not held against {against[:19]}…; {again}", False
    said, holds = [], True
    for name, prediction in document.predictions.items():
        gains = [one.gain for one in (prediction.looks.rivals if prediction.looks else ()) if one.kind == INCUMBENT]
        if not gains:
            return f"{name} could not be compared", False
        for gain in gains:
            said.append(f"{name}: {gain.value:+.3f} ({gain.ci[0]:+.3f} to {gain.ci[1]:+.3f})")
            holds = holds and gain.ci[0] > -plan.not_worse_by
    return "; ".join(said), holds
