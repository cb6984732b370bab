"""The reference page of one shipped guidance, written from its guidance.yaml: what it reads, when, and to what use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from services.guidance.check import load_guidance
from services.guidance.definition import Codes, Feature, Guidance, Window
from services.guidance.reading.plan import sources_of

PROJECT = Path(__file__).resolve().parents[1]
LIBRARY = PROJECT / "services" / "guidance" / "library"
USES = {
    "model": "Inputs of what is learned, or weighed",
    "rule": "Read for the rules of who it is for and what is said",
    "helper": "Read only to compute the rows above",
    "audit": "Read for fairness audits only: predictions, rules and cards never see them",
}


def pages(note: str) -> dict[str, Callable[[], str]]:
    """Page name to the function that writes it, of every shipped guidance."""
    return {f"guidance/{folder.name}.md": partial(_page, folder, note) for folder in sorted(LIBRARY.iterdir())}


def _page(folder: Path, note: str) -> str:
    guidance = load_guidance(folder).definition
    lines = [
        note,
        f"# `{guidance.id}` {guidance.version}: {guidance.title}",
        "",
        " ".join(guidance.description.split()),
        "",
    ]
    lines += _predictions(guidance)
    lines += ["## What it reads", ""]
    for use, heading in USES.items():
        chosen = {name: feature for name, feature in guidance.features.items() if feature.use == use}
        if chosen:
            lines += [f"{heading}:", "", "| name | what it is | kind | unit | range | from | codes | when |"]
            lines += ["|---|---|---|---|---|---|---|---|", *(_row(*one) for one in chosen.items()), ""]
    lines += ["Values outside a range are missing and reported, never clipped.", "", "## What it says, and when", ""]
    lines += ["| band | when | card |", "|---|---|---|"]
    lines += [f"| {one.name} | `{_cell(one.when)}` | {one.card or 'none'} |" for one in guidance.policy.bands]
    return "\n".join(lines).rstrip() + "\n"


def _predictions(guidance: Guidance) -> Iterator[str]:
    yield from ("## What it predicts", "", "| name | outcome | how |", "|---|---|---|")
    for name, prediction in guidance.all_predictions.items():
        model = prediction.model
        how = f"published score `{model.published}`" if model.published else f"learned: {', '.join(model.candidates)}"
        needs = f", if `{_cell(model.needs)}`" if model.needs else ""
        yield f"| `{name}` | {prediction.outcome.name} | {how}{needs} |"
    yield ""


def _row(name: str, feature: Feature) -> str:
    computed = {"formula": feature.formula, "score": feature.formula, "absent": feature.of}.get(feature.kind)
    where = f"`{computed}`" if computed else ", ".join(f"`{one}`" for one in sources_of(feature))
    span = f"{feature.range[0]:g} to {feature.range[1]:g}" if feature.range else ""
    when = "" if computed else _when(feature)
    cells = (f"`{name}`", feature.label, feature.kind, feature.unit or "", span, where, _codes(feature.codes), when)
    return f"| {' | '.join(map(_cell, cells))} |"


def _codes(codes: Codes | None) -> str:
    if codes is None:
        return ""
    sets = [f"V:{name}" for name in ([codes.value_set] if codes.value_set else []) + list(codes.value_sets)]
    return ", ".join([*sets, *(token.rpartition("|")[2] for token in codes.tokens)])


def _when(feature: Feature) -> str:
    if feature.kind == "age":
        return "at the prediction"
    if feature.this_encounter or feature.kind == "duration":
        return "this stay"
    window: Window = feature.window
    far = _span(window.days, window.hours)
    near = _span(window.until_days, window.until_hours)
    anchor = " before this stay" if window.before == "admission" else ""
    said = f"last {far}{anchor}" if far else "this stay" if window.this_stay else f"ever{anchor}"
    said += f", until {near} before" if near else ""
    said += ", this stay only" if far and window.this_stay else ", and this stay" if window.or_this_stay else ""
    if feature.latest_days:
        said += f", latest {feature.latest_days} days with readings"
    return said + (", outside such encounters: " + _codes(feature.not_during) if feature.not_during else "")


def _span(days: float | None, hours: float | None) -> str:
    return f"{days:g} days" if days else f"{hours:g} hours" if hours else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
