"""Checks of what is shown: templates fill with any plausible values, summaries fit, reasons to decline are known."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from services.guidance.checking.fault_report import FaultReport
from services.guidance.checking.source_lines import KeyPath
from services.guidance.definition import PRIMARY, Card, Feature, Guidance
from services.guidance.words.card_text import SUMMARY_LONGEST, CardFacts, CardText, Stated, TemplateFault
from services.guidance.words.order_variables import LONGEST, of_orders
from services.guidance.words.override_reasons import OVERRIDE_REASONS, OVERRIDE_SYSTEM
from services.guidance.words.wording import not_computed, not_meant

TRIALS: Final = 200
"""Combinations of values with which each template is filled."""

# (risk, average): usual, both rare, nearly sure, and the two ends.
_RISKS: Final = ((0.28, 0.11), (0.004, 0.0004), (0.996, 0.55), (0.0, 0.11), (1.0, 0.11))
_WIDEST: Final = (-1000.0, 0.0, 1.0, 1000.0)
_NOT_COMPUTED: Final = (not_computed("anything", not_meant(surely=False)),)
_LONGEST_NAME: Final = ("W" * LONGEST,)
_SAMPLE_DIGEST: Final = "sha256:" + "0123456789abcdef" * 4


def check_cards(guidance: Guidance, report: FaultReport) -> None:
    """Put every fault of cards and override reasons on the report."""
    for name, card in guidance.cards.items():
        _check_templates(guidance, name, card, report)
        _check_links(name, card, report)
        for hook in card.indicator_on:
            if hook not in {entry.hook for entry in guidance.hooks}:
                report.at(("cards", name, "indicator_on", hook), f"this guidance does not speak on `{hook}`")
        if card.selection == "at-most-one" and sum(suggestion.recommended for suggestion in card.suggestions) > 1:
            report.at(("cards", name, "suggestions"), "one may be pressed, and more than one is recommended")
        labels = [suggestion.label for suggestion in card.suggestions]
        for place, label in enumerate(labels):
            if label in labels[:place]:
                report.at(("cards", name, "suggestions", place, "label"), "another button has the same words")
    _check_override_reasons(guidance, report)


def _check_templates(guidance: Guidance, name: str, card: Card, report: FaultReport) -> None:
    path: KeyPath = ("cards", name)
    try:
        text = CardText(guidance, name, card)
    except TemplateFault as fault:
        report.at((*path, fault.place.rpartition(".")[2]), fault.message, text_line=fault.line)
        return
    longest = ""
    for facts in sample_facts(guidance, card):
        try:
            longest = max(longest, text.summary_in_full(facts), key=len)
            words = text.render(facts)
        except TemplateFault as fault:
            report.at((*path, fault.place.rpartition(".")[2]), fault.message)
            return
        for key in ("summary", "detail"):
            if not getattr(words, key):
                report.at((*path, key), "it is blank for some values")
                return
    if len(longest) > SUMMARY_LONGEST:
        message = f"it can reach {len(longest)} characters where {SUMMARY_LONGEST} are allowed: `{longest}`"
        report.at((*path, "summary"), message)


def sample_facts(guidance: Guidance, card: Card) -> Iterator[CardFacts]:
    """Facts of made-up calls: every end of every value that the card names, and not known; the same each time."""
    words = set(re.findall(r"\w+", f"{card.summary} {card.detail}"))
    named = [name for name in guidance.features if name in words]
    draw = random.Random(0)  # noqa: S311 - sample values, nothing secret
    choices = {name: _plausible(feature) for name, feature in guidance.features.items()}
    # Every risk that may be missing on this card is missing in some of them, beside every other.
    spoken = [PRIMARY] if guidance.policy.without_risk == "speak" else []
    risks = [*spoken, *guidance.predictions]
    ends: list[list[Any]] = [*(choices[name] for name in named), *([None, *_RISKS] for _ in risks)]
    combinations: list[tuple[Any, ...]] = list(itertools.islice(itertools.product(*ends), 20_000))
    if len(combinations) > TRIALS:
        combinations = [combinations[0], combinations[-1], *draw.sample(combinations, TRIALS)]
    inputs = [name for name, feature in guidance.features.items() if feature.use == "model"]
    for number, combination in enumerate(combinations):
        stated = dict(zip(risks, map(_stated, combination[len(named) :]), strict=True))
        for gender, usual in zip(
            itertools.cycle(("male", "female", None)), _RISKS if number < 3 else (draw.choice(_RISKS),), strict=False
        ):
            values = {name: draw.choice(choices[name]) for name in guidance.features}
            first = stated.get(PRIMARY, _stated(usual))
            yield CardFacts(
                risk=first.risk,
                base_rate=first.average,
                release=_SAMPLE_DIGEST,
                values={**values, **dict(zip(named, combination, strict=False))},
                contributions={name: draw.uniform(-1, 1) for name in inputs},
                gender=gender,
                others={name: stated[name] for name in guidance.predictions},
                not_computed=_NOT_COMPUTED if number % 2 else (),
                ordered=dict.fromkeys(of_orders(guidance).values(), () if number % 3 else _LONGEST_NAME),
                ward=True,  # the longer of the two wordings
            )


def _stated(of: tuple[float, float] | None) -> Stated:
    """A risk and its average, or a risk that was not computed."""
    return Stated(risk=None, average=_RISKS[0][1]) if of is None else Stated(risk=of[0], average=of[1])


def _plausible(feature: Feature) -> list[float | None]:
    """Values that a feature may take: both ends of its range, a number with all its decimals, and not known."""
    if feature.levels:
        values = sorted(set(feature.levels.values()))
    elif feature.says_yes_or_no:
        values = [0.0, 1.0]
    elif feature.range is not None:
        low, high = feature.range
        values = [low, high, low + (high - low) * 0.777]
    else:
        values = list(_WIDEST)
    return [None, *values]


def _check_links(name: str, card: Card, report: FaultReport) -> None:
    for place, link in enumerate(card.links):
        try:
            host = urlsplit(link.url).hostname
        except ValueError:
            host = None
        if not host or re.search(r"\s", link.url):
            report.at(("cards", name, "links", place, "url"), "this is not an absolute address")
        for key, given in (("app_context", link.app_context is not None), ("autolaunchable", link.autolaunchable)):
            if given and link.type != "smart":
                report.at(("cards", name, "links", place, key), "only a SMART app is launched: `type: smart`")


def _check_override_reasons(guidance: Guidance, report: FaultReport) -> None:
    seen: set[str] = set()
    for place, reason in enumerate(guidance.override_reasons):
        path: KeyPath = ("override_reasons", place)
        if reason.system != OVERRIDE_SYSTEM:
            report.at((*path, "system"), f"the codes of CDS Hooks are in `{OVERRIDE_SYSTEM}`")
        elif reason.code not in OVERRIDE_REASONS:
            report.at((*path, "code"), f"`{reason.code}` is not a code of that system")
        elif reason.display != OVERRIDE_REASONS[reason.code]:
            report.at((*path, "display"), f"the code reads `{OVERRIDE_REASONS[reason.code]}`")
        if reason.code in seen:
            report.at((*path, "code"), f"`{reason.code}` is named twice")
        seen.add(reason.code)
    for code in sorted(guidance.policy.snooze.keys() - seen):
        report.at(("policy", "snooze", code), f"`{code}` is none of the `override_reasons`: nobody can give it")
    if guidance.cards and not guidance.override_reasons:
        report.at(("cards",), "no `override_reasons`: a clinician must be able to say why not")
