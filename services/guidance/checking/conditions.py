"""Checks of what decides: conditions read and name what is there, bands lead to cards, outcome and index fit together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from services.guidance.checking.fault_report import FaultReport
from services.guidance.checking.source_lines import KeyPath
from services.guidance.conditions import parse
from services.guidance.definition import Guidance
from services.timeline.errors import BadInput

HOOKS: Final = frozenset({
    "patient-view", "order-sign", "order-select", "order-dispatch", "appointment-book", "encounter-start",
    "encounter-discharge", "problem-list-item-create", "allergyintolerance-create", "medication-refill",
    "medication-verify",
})  # fmt: skip
"""Hooks of the HL7 library that are not deprecated (April 2026)."""

PREDICTED: Final = frozenset({"risk", "base_rate"})
"""What a band may name beside features: known only once the model has spoken."""


def check_conditions(guidance: Guidance, report: FaultReport) -> None:
    """Put every fault of conditions, bands, hooks, outcome and index on the report."""
    for path, text, extra in named_conditions(guidance):
        _check_condition(guidance, path, text, extra, report)
    _check_hooks(guidance, report)
    _check_bands(guidance, report)
    _check_outcome(guidance, report)


def named_conditions(guidance: Guidance) -> Iterator[tuple[KeyPath, str, frozenset[str]]]:
    """Every condition: its path, its text, and what it may name beside features."""
    for place, hook in enumerate(guidance.hooks):
        if hook.when is not None:
            yield ("hooks", place, "when"), hook.when, frozenset()
    for key in ("include", "exclude"):
        for place, text in enumerate(getattr(guidance.population, key)):
            yield ("population", key, place), text, frozenset()
    for place, band in enumerate(guidance.policy.bands):
        yield ("policy", "bands", place, "when"), band.when, PREDICTED
    for name, card in guidance.cards.items():
        for place, suggestion in enumerate(card.suggestions):
            if suggestion.when is not None:
                yield ("cards", name, "suggestions", place, "when"), suggestion.when, PREDICTED


def _check_condition(guidance: Guidance, path: KeyPath, text: str, extra: frozenset[str], report: FaultReport) -> None:
    try:
        names = parse(text).names
    except BadInput as fault:
        where = f" ({fault.place})" if fault.place else ""
        report.at(path, f"{fault.message}{where}")
        return
    for name in sorted(names - extra):
        if name in PREDICTED:
            report.at(path, f"`{name}` is not known here: only bands and suggestions come after the prediction")
        elif name not in guidance.features:
            report.at(path, f"there is no feature `{name}`")
        elif guidance.features[name].use == "audit":
            report.at(path, f"`{name}` is read for audit only: nothing is decided by it")


def _check_hooks(guidance: Guidance, report: FaultReport) -> None:
    seen: set[str] = set()
    for place, hook in enumerate(guidance.hooks):
        if hook.hook not in HOOKS:
            report.at(
                ("hooks", place, "hook"), f"no hook is called `{hook.hook}`; there are {', '.join(sorted(HOOKS))}"
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


def _check_outcome(guidance: Guidance, report: FaultReport) -> None:
    outcome, index = guidance.outcome, guidance.index
    if outcome.kind == "readmission":
        if outcome.horizon_days is None:
            report.at(("outcome",), "`horizon_days` is missing: within how many days?")
        if outcome.planned is None:
            report.at(("outcome",), "`planned` is missing: without it planned stays would count as readmissions")
        if index.at == "discharge" and index.plus_hours:
            report.at(
                ("index", "plus_hours"), "after discharge the outcome may have begun: predict at discharge or before"
            )
    else:
        if outcome.horizon_days is not None:
            report.at(("outcome", "horizon_days"), "death in the stay has no horizon: the stay ends it")
        if outcome.planned is not None:
            report.at(("outcome", "planned"), "`planned` belongs to `readmission`")
        if index.at == "discharge":
            report.at(("index",), "at discharge the outcome of the stay is known: predict from admission on")
    if index.hours_tolerated and index.at == "discharge":
        report.at(("index", "hours_tolerated"), "`hours_tolerated` belongs to an index counted from admission")
