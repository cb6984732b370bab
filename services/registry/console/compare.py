"""Two releases of one guidance, side by side: what was measured, what each input adds, and which words changed.

Words first: whoever votes reads what the difference is before any hash. Nothing here is a verdict.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from markupsafe import Markup

from services.figures.frame import Caption
from services.figures.shapes_compared import Overlaid, shapes_compared
from services.guidance.definition import Feature, Guidance, Part
from services.guidance.evidence import Evaluation, ModelReport
from services.guidance.folder import GUIDANCE_FILE
from services.guidance.models.scorecard import Scorecard
from services.guidance.models.scorecard_file import ScorecardFile
from services.guidance.models.shape_line import added_by, cuts_of, line_of
from services.guidance.ready import Release
from services.guidance.release import ReleaseBundle
from services.guidance.words import console_wording as words

DRAWN: Final = 6
_GRID: Final = 201  # places at which two lines are compared, beside their own steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One release, opened, with its training evidence if there is any."""

    name: str
    bundle: ReleaseBundle
    release: Release
    evaluation: Evaluation | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that differs: what it is, as it was and as it is; empty where there was or is nothing."""

    what: str
    old: str
    new: str


def measured(new: Side, old: Side) -> list[tuple[str, str, str]]:
    """Each figure of the chosen model with its interval, and on how many it rests; a release without evidence says so."""
    return [
        (name, _told(new.evaluation, name), _told(old.evaluation, name))
        for name in ("Rows, events", "AUROC", "Brier score", "Calibration intercept", "Calibration slope")
    ]


def changes(new: Side, old: Side) -> list[Change]:
    """What differs in the guidance, in the order of what a committee asks: use, people, inputs, limits, words."""
    return [
        Change(what=what, old=was, new=now)
        for what, was, now in _parts(old.release.guidance, new.release.guidance)
        if was != now
    ]


def files_changed(new: Side, old: Side) -> list[str]:
    """Names of the files whose bytes differ, or that only one release has."""
    names = {*new.bundle.files, *old.bundle.files}
    return sorted(name for name in names if new.bundle.files.get(name) != old.bundle.files.get(name))


def text_diff(new: Side, old: Side) -> list[str]:
    """guidance.yaml as lines that begin with `+`, `-`, a space, or `@` where lines are left out."""
    was, now = (side.bundle.files[GUIDANCE_FILE].decode("utf-8").splitlines() for side in (old, new))
    return list(difflib.unified_diff(was, now, lineterm="", n=2))[2:]


def overlaid(new: Side, old: Side) -> Markup | None:
    """The shape functions of both, one over the other; None where either model is no scorecard."""
    ours, theirs = new.release.model, old.release.model
    if not isinstance(ours, Scorecard) or not isinstance(theirs, Scorecard):
        return None
    labels = {**old.release.guidance.features, **new.release.guidance.features}
    inputs = sorted(_inputs(ours.file, theirs.file, labels), key=lambda one: (-one.difference, one.name))
    caption = Caption(
        key="compared",
        message=words.shapes_differ([(one.name, one.difference) for one in inputs]),
        measure="What each input adds to the log-odds of the risk, against the average of each release's reference",
        source=f"model.json of releases {new.bundle.digest[7:19]} and {old.bundle.digest[7:19]}",
        desc=f"Small charts, one for each input, with a solid line for {new.name} and a dashed line for {old.name}.",
    )
    return shapes_compared(caption, inputs, new=new.name, old=old.name, drawn=DRAWN)


def _inputs(new: ScorecardFile, old: ScorecardFile, features: Mapping[str, Feature]) -> Iterator[Overlaid]:
    for name in dict.fromkeys([*new.inputs, *old.inputs]):
        places = [file.inputs.index(name) if name in file.inputs else None for file in (new, old)]
        low, high = _range([(file, place) for file, place in zip((new, old), places, strict=True)], features[name])
        lines = [
            [] if place is None else line_of(file, place, low, high)
            for file, place in zip((new, old), places, strict=True)
        ]
        at = np.linspace(low, high, _GRID)
        adds = [
            np.zeros(_GRID) if place is None else added_by(file, place, at)
            for file, place in zip((new, old), places, strict=True)
        ]
        yield Overlaid(
            name=features[name].label,
            low=low,
            high=high,
            new=lines[0],
            old=lines[1],
            difference=float(np.abs(adds[0] - adds[1]).max()),
        )


def _range(sides: Sequence[tuple[ScorecardFile, int | None]], feature: Feature) -> tuple[float, float]:
    """Around all steps of both lines; of a straight line, all that the feature may be."""
    cuts = [cut for file, place in sides if place is not None for cut in cuts_of(file, place)]
    allowed = feature.range or (0.0, 1.0)
    if not cuts:
        return float(allowed[0]), float(allowed[1])
    margin = 0.15 * (max(cuts) - min(cuts)) or max(abs(cuts[0]) * 0.3, 0.5)
    low, high = min(cuts) - margin, max(cuts) + margin
    return (max(low, allowed[0]), min(high, allowed[1])) if feature.range else (low, high)


def _told(evaluation: Evaluation | None, name: str) -> str:
    if evaluation is None:
        return "no training evidence yet"
    if name == "Rows, events":
        return f"{evaluation.rows:,} rows, {evaluation.events:,} events"
    model = evaluation.model
    if model is None:
        return evaluation.unevaluated or "not judged"
    return _figure(model, name)


def _figure(model: ModelReport, name: str) -> str:
    match name:
        case "AUROC":
            return f"{model.auroc:.3f} ({model.auroc_ci[0]:.3f} to {model.auroc_ci[1]:.3f})"
        case "Brier score":
            interval = model.brier_ci
            return f"{model.brier:.4f}" + ("" if interval is None else f" ({interval[0]:.4f} to {interval[1]:.4f})")
        case "Calibration intercept":
            found = model.calibration_intercept
        case _:
            found = model.calibration_slope
    return f"{found.value:.2f} ({found.ci[0]:.2f} to {found.ci[1]:.2f})"


def _parts(old: Guidance, new: Guidance) -> Iterator[tuple[str, str, str]]:
    """What is asked of both, each as text."""
    for what, field in (("Question", "question"), ("Intended use", "intended_use"), ("Equity", "equity")):
        yield what, str(getattr(old.about, field)), str(getattr(new.about, field))
    yield "Do not use", "; ".join(old.about.not_for), "; ".join(new.about.not_for)
    yield "Who it is for", "; ".join(old.population.include), "; ".join(new.population.include)
    yield "Who is left out", "; ".join(old.population.exclude), "; ".join(new.population.exclude)
    for name in dict.fromkeys([*old.features, *new.features]):
        was, now = old.features.get(name), new.features.get(name)
        label = (now or was or new.features[name]).label
        yield f"Input: {label}", _feature(was, now), _feature(now, was)
    yield "Outcome", _part(old.outcome), _part(new.outcome)
    yield "Bands", _bands(old), _bands(new)
    yield "Alert budget", f"{old.policy.alert_budget:.0%} of calls", f"{new.policy.alert_budget:.0%} of calls"
    for name in dict.fromkeys([*old.cards, *new.cards]):
        for what, field in (("summary", "summary"), ("text", "detail")):
            yield (
                f"Card {name}: {what}",
                str(getattr(old.cards[name], field)) if name in old.cards else "",
                str(getattr(new.cards[name], field)) if name in new.cards else "",
            )
        yield f"Card {name}: suggestions", _suggestions(old, name), _suggestions(new, name)


def _feature(feature: Feature | None, other: Feature | None) -> str:
    """Of a feature in both, the parts that differ; of one that only this release has, its kind."""
    if feature is None:
        return ""
    if other is None:
        return f"{feature.kind}, in use"
    mine, theirs = (one.model_dump(mode="json", by_alias=True) for one in (feature, other))
    return "; ".join(f"{key}: {mine.get(key)}" for key in sorted({*mine, *theirs}) if mine.get(key) != theirs.get(key))


def _part(part: Part) -> str:
    facts = part.model_dump(mode="json", exclude_defaults=True)
    return "; ".join(f"{key}: {value}" for key, value in facts.items())


def _bands(guidance: Guidance) -> str:
    return "; ".join(f"{band.name}: {band.when}" for band in guidance.policy.bands)


def _suggestions(guidance: Guidance, card: str) -> str:
    return "; ".join(one.label for one in guidance.cards[card].suggestions) if card in guidance.cards else ""
