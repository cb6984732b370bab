"""Checks of what decides: conditions can be read and name only what is known where they are asked; bands lead to cards."""

from __future__ import annotations

from collections.abc import Iterator

from services.guidance.checking.fault_report import FaultReport
from services.guidance.checking.predictions import path_of
from services.guidance.checking.source_lines import KeyPath
from services.guidance.conditions import parse
from services.guidance.definition import Guidance
from services.guidance.hooks import CURRENT_HOOKS
from services.timeline.errors import BadInput


def check_conditions(guidance: Guidance, report: FaultReport) -> None:
    """Put every fault of conditions, bands and hooks on the report."""
    for path, text, extra in named_conditions(guidance):
        _check_condition(guidance, path, text, extra, report)
    _check_hooks(guidance, report)
    _check_bands(guidance, report)


def named_conditions(guidance: Guidance) -> Iterator[tuple[KeyPath, str, frozenset[str]]]:
    """Every condition: its path, its text, and what it may name beside features.

    Who is meant, when, and whether a risk is computed at all is asked before anything is predicted; bands, suggestions
    and suppressions come after it.
    """
    before: frozenset[str] = frozenset()
    after = guidance.predicted_names
    for place, hook in enumerate(guidance.hooks):
        if hook.when is not None:
            yield ("hooks", place, "when"), hook.when, before
    for key in ("include", "exclude"):
        for place, text in enumerate(getattr(guidance.population, key)):
            yield ("population", key, place), text, before
    for name, prediction in guidance.all_predictions.items():
        if prediction.model.needs is not None:
            yield (*path_of(name), "model", "needs"), prediction.model.needs, before
    for place, band in enumerate(guidance.policy.bands):
        yield ("policy", "bands", place, "when"), band.when, after
    for place, suppression in enumerate(guidance.policy.suppressions):
        yield ("policy", "suppressions", place, "when"), suppression.when, after
    for name, card in guidance.cards.items():
        for place, suggestion in enumerate(card.suggestions):
            if suggestion.when is not None:
                yield ("cards", name, "suggestions", place, "when"), suggestion.when, after


def _check_condition(guidance: Guidance, path: KeyPath, text: str, extra: frozenset[str], report: FaultReport) -> None:
    try:
        names = parse(text).names
    except BadInput as fault:
        where = f" ({fault.place})" if fault.place else ""
        report.at(path, f"{fault.message}{where}")
        return
    for name in sorted(names - extra):
        if name in guidance.predicted_names:
            report.at(
                path,
                f"`{name}` is not known here: only bands and suggestions come after the prediction, and suppressions",
            )
        elif name not in guidance.features:
            report.at(path, f"there is no feature `{name}`")
        elif guidance.features[name].use == "audit":
            report.at(path, f"`{name}` is read for audit only: nothing is decided by it")


def _check_hooks(guidance: Guidance, report: FaultReport) -> None:
    seen: set[str] = set()
    for place, hook in enumerate(guidance.hooks):
        if hook.hook not in CURRENT_HOOKS:
            report.at(
                ("hooks", place, "hook"),
                f"no hook is called `{hook.hook}`; there are {', '.join(sorted(CURRENT_HOOKS))}",
            )
        if hook.hook in seen:
            report.at(("hooks", place, "hook"), f"`{hook.hook}` is named twice")
        seen.add(hook.hook)


def _check_bands(guidance: Guidance, report: FaultReport) -> None:
    seen: set[str] = set()
    for place, band in enumerate(guidance.policy.bands):
        path: KeyPath = ("policy", "bands", place)
        if band.name in seen:
            report.at((*path, "name"), f"`{band.name}` is named twice")
        seen.add(band.name)
        if band.card is not None and band.card not in guidance.cards:
            report.at((*path, "card"), f"there is no card `{band.card}`")
    shown = {band.card for band in guidance.policy.bands}
    for name in guidance.cards:
        if name not in shown:
            report.at(("cards", name), "no band shows this card")
