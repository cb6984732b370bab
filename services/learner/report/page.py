"""The whole page: sections as questions, in the order in which a committee reads, and an annex for the statistician.

HTML to print, without scripts, and nothing fetched. Every sentence comes from `guidance.words`, every number with its
interval and its count.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jinja2
from markupsafe import Markup

from services.guidance.definition import PRIMARY, Guidance, Prediction
from services.guidance.evidence import Estimate, Evaluation, Judged
from services.guidance.transparency.hazards import hazards_of
from services.guidance.words import evidence_wording as said
from services.learner.gate import reasons_against
from services.learner.report.again import Asked, import_again, train_again
from services.learner.report.annex import annex_figures, flow_figure
from services.learner.report.drawings import figures_of
from services.learner.report.sentences import sentences_of
from services.learner.report.told import Told
from services.learner.report.tuning import tuning_annex
from services.learner.report.unknowns import unknowns_of
from services.learner.report.verdicts import Rule, rules_of

if TYPE_CHECKING:  # the service shows pages without loading what reckons them
    from services.learner.cohort import FlowStep
    from services.learner.evidence.looks import Looks
    from services.learner.learn import Found

MARKS: Final = {"meets": "✓", "does not meet": "✕", "cannot tell": "?"}
KINDS: Final = {
    "patients": "",
    "benchmark": "BENCHMARK DATA, not of this site",
    "synthetic": "MADE-UP PATIENTS, not for patient care",
}
"""What the header of every printed page says of the data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One prediction as the page shows it; without looks only what was found in words."""

    label: str
    prefix: str
    judged: Judged
    sentences: Mapping[str, str]
    rules: tuple[Rule, ...]
    unknowns: tuple[str, ...]
    looks: Looks | None = None
    figures: Mapping[str, Markup]
    annex: Mapping[str, Markup]

    def reasons(self, verdicts: Sequence[str]) -> list[str]:
        """At most three, what stops a release before what cannot be told."""
        return [rule.reason for verdict in verdicts for rule in self.rules if rule.verdict == verdict][:3]

    def count(self, verdict: str) -> int:
        """How many rules have this verdict."""
        return sum(rule.verdict == verdict for rule in self.rules)


def evidence_report(
    *,
    guidance: Guidance,
    evaluation: Evaluation,
    found: Mapping[str, Found],
    flow: Sequence[FlowStep],
    store: str,
    asked: Asked,
) -> str:
    """The whole page; `asked.data` says whose records these are, and made-up patients are named in every sentence."""
    sample = said.Sample(data=f"data of {evaluation.since[:10]} to {evaluation.until[:10]}", kind=asked.data)
    source = f"training evidence of release {evaluation.release[:19]}…, file evidence.json"
    judged: dict[str, Judged] = {PRIMARY: evaluation, **evaluation.predictions}
    views = {
        name: _view(guidance, name, prediction, evaluation, judged[name], found[name], sample, source)
        for name, prediction in guidance.all_predictions.items()
    }
    first = views.pop(PRIMARY)
    return _TEMPLATES.get_template("evidence.html.j2").render(
        guidance=guidance,
        evaluation=evaluation,
        first=first,
        others=views,
        against=reasons_against(evaluation),
        population_in=[_in_words(guidance, one) for one in guidance.population.include],
        population_out=[_in_words(guidance, one) for one in guidance.population.exclude],
        actions=[offer.label for card in guidance.cards.values() for offer in card.suggestions],
        hazards=hazards_of(guidance),
        flow=flow_figure(
            guidance,
            flow,
            evaluation.states,
            source=f"{source.rpartition(',')[0]}, file cohort.json",
            where=_place(sample),
        ),
        recipes=found[PRIMARY].recipes,
        tuning=tuning_annex(guidance.model.tuning, found[PRIMARY].tuning),
        store=store,
        command=_again(guidance, found[PRIMARY], asked),
        interval_note=said.INTERVAL_NOTE,
        data_are=KINDS[asked.data],
    )


def _again(guidance: Guidance, found: Found, asked: Asked) -> str:
    """What makes this page again, on the same store."""
    if found.judged.chosen == "imported":
        until = str(found.recipes.get("imported", {}).get("trained_until", ""))
        return import_again(guidance.id, asked, trained_until=until)
    return train_again(guidance.id, asked)


def _in_words(guidance: Guidance, condition: str) -> str:
    """A condition of one feature by its label; any other as it is written."""
    feature = guidance.features.get(condition)
    return condition.replace(">=", "at least").replace("<=", "at most") if feature is None else feature.label


def _place(sample: said.Sample) -> str:
    return sample.tail().removeprefix(", in ")


def _view(
    guidance: Guidance,
    name: str,
    prediction: Prediction,
    evaluation: Evaluation,
    judged: Judged,
    found: Found,
    sample: said.Sample,
    source: str,
) -> View:
    looks, prefix = found.looks, "" if name == PRIMARY else f"{name}-"
    figures: dict[str, Markup] = {}
    annex: dict[str, Markup] = {}
    if looks is not None:
        told = Told(
            guidance=guidance,
            prediction=prediction,
            judged=judged,
            looks=looks,
            prefix=prefix,
            where=f"{_place(sample)}, {judged.events:,} events at {judged.rows:,} moments of {judged.patients:,} patients",
            split=evaluation.split,
            source=source,
        )
        figures, annex = figures_of(told), annex_figures(told, found.model, found.rows)
    return View(
        label=prediction.label,
        prefix=prefix,
        judged=judged,
        sentences=sentences_of(prediction, judged, looks, sample),
        rules=rules_of(guidance, name, judged, looks),
        unknowns=unknowns_of(guidance, evaluation, judged, looks),
        looks=looks,
        figures=figures,
        annex=annex,
    )


def _interval(estimate: Estimate | None, decimals: int = 3) -> Markup:
    """`0.839 (0.829 to 0.849)`."""
    return Markup("–") if estimate is None else _number(estimate.value, estimate.ci, decimals)


def _number(value: float, ci: tuple[float, float] | None, decimals: int = 3) -> Markup:
    """A number and its interval, which is never broken over two lines."""
    number = f"{value:z.{decimals}f}"
    if ci is None:
        return Markup("{}").format(number)
    return Markup('{} <span class="ci">({} to {})</span>').format(number, *(f"{end:z.{decimals}f}" for end in ci))


def _verdict(verdict: str) -> Markup:
    """Word, shape and colour; the shape is not read out."""
    return Markup('<span class="judged {}"><span aria-hidden="true">{}</span> {}</span>').format(
        verdict.replace(" ", "-"), MARKS[verdict], verdict
    )


def _needed(found: tuple[float | None, float | None, float | None]) -> str:
    """`4.8 (4.2 to 5.6)` patients looked at for one event; without limit where none was found."""
    value, low, high = ("no limit" if one is None else f"{one:.1f}" for one in found)
    return f"{value} ({low} to {high})"


def _count(number: int) -> str:
    return f"{number:,}"


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parents[1] / "pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {
        "interval": _interval,
        "verdict": _verdict,
        "count": _count,
        "needed": _needed,
        "number": _number,
    }
    environment.filters.update(filters)
    return environment


_TEMPLATES: Final = _environment()


def _style_digest() -> str:
    """The digest by which a content security policy lets the page's own style in, and no other."""
    style = _TEMPLATES.get_template("evidence.css").render()
    return "sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()


STYLE_DIGEST: Final = _style_digest()
