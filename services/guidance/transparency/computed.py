"""The source attributes that are computed: from the release and its evidence packs, each with the digest it rests on.

Nobody types them and nobody may edit them. What cannot be computed says why: as "not available" where the rule allows
that, else as missing, and then the guidance is not complete.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import groupby
from types import MappingProxyType
from typing import Final

from services.guidance.definition import Feature
from services.guidance.evidence import Evaluation, Kind
from services.guidance.reading.plan import sources_of
from services.guidance.transparency.attributes import VARIABLES
from services.guidance.transparency.readings import Facts
from services.guidance.words import attribute_wording as said


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed:
    """A computed value, or why there is none."""

    text: str = ""
    source: str
    """Digest of the evidence pack that it rests on, or of the release."""
    why_not: str = ""


def compute(facts: Facts, key: str) -> Computed:
    """The computed part of an attribute."""
    return _HOW[key](facts)


_SOURCES: Final[Mapping[str, frozenset[str]]] = MappingProxyType({
    "race": frozenset({"Patient.race"}),
    "ethnicity": frozenset({"Patient.ethnicity"}),
    "language": frozenset({"Patient.language"}),
    "sex": frozenset({"Patient.gender"}),
    "birth_date": frozenset({"Patient.birthDate"}),
})  # fmt: skip
_USES: Final = ("model", "helper", "rule", "audit")
_SAID: Final = MappingProxyType({
    "model": "input of the prediction", "helper": "read to compute another feature",
    "rule": "read for a rule or a published score", "audit": "read for fairness audits only",
})  # fmt: skip


def use_of(facts: Facts, variable: str) -> str:
    """How one of the variables (iv)(A)(5)-(13) is used, by the features that hold it."""
    features = facts.guidance.features
    declared: tuple[str, ...] = getattr(facts.disclosed.uses, variable, ())
    found = [one for name, one in features.items() if name in declared or _holds(one, variable)]
    ways = [way for way in _USES if any(one.use == way for one in found)]
    words = [_SAID[way] for way in ways]
    if variable == "sex" and facts.guidance.pronouns:
        words.append("read for the pronouns of the card")
    return " and ".join(words) if words else "not read"


def _holds(feature: Feature, variable: str) -> bool:
    wanted = _SOURCES.get(variable, frozenset())
    return bool(wanted & set(sources_of(feature))) or (variable == "birth_date" and feature.kind == "age")


def _output_type(facts: Facts) -> Computed:
    return Computed(text=said.output_type(facts.guidance), source=facts.release)


def _population(facts: Facts) -> Computed:
    return Computed(text=said.rules(facts.guidance), source=facts.release)


def _limitations(facts: Facts) -> Computed:
    about = facts.guidance.about
    harms = f"A false alarm: {about.harm_of_false_positive} A miss: {about.harm_of_false_negative}"
    risks = " ".join(f"{one.hazard} (left with its control: {one.residual})" for one in facts.disclosed.risks)
    return Computed(text=f"{harms} {risks}".strip(), source=facts.release)


def _training_criteria(facts: Facts) -> Computed:
    report = facts.evaluation
    if report is None:
        return _no_training(facts)
    left = [one for one in facts.flow if one.kind == "left out"]
    counted = "; ".join(f"{said.in_words(facts.guidance, one.step)} {one.n:,}" for one in left)
    text = f"{said.rules(facts.guidance)} {said.trained_on(report)}" + (
        f" Left out, in turn: {counted}." if left else ""
    )
    return _from(facts, "training", text)


def _input_variables(facts: Facts) -> Computed:
    text = said.uses((name, use_of(facts, key)) for key, name in VARIABLES.items())
    return Computed(text=text, source=facts.release)


def _demographics(facts: Facts, kind: Kind) -> str:
    groups = next(iter(facts.groups(kind).values()), None)  # the rows of the first prediction
    if groups is None:
        return ""
    shown = [
        said.people(attribute, [(one.value, one.rows if one.patients is None else one.patients) for one in lines])
        for attribute, lines in groupby(groups.groups, key=lambda one: one.attribute)
    ]
    missing = [f"{one.attribute}: {one.why}" for one in groups.not_looked_at]
    return f"Patients by {'; by '.join(shown)}." + (f" Not told apart by {'; by '.join(missing)}." if missing else "")


def _training_demographics(facts: Facts) -> Computed:
    if "training" not in facts.packs:
        return _no_training(facts)
    text = _demographics(facts, "training")
    return _from(facts, "training", text, "the training evidence lists no groups")


def _relevance(facts: Facts) -> Computed:
    report = facts.evaluation
    if report is None:
        return _no_training(facts)
    sites = sum(one.scheme == "site" for one in report.validations)
    told = f" {sites} sites were each left out and tested." if sites else ""
    return _from(facts, "training", said.trained_on(report) + told)


def _validity(report: Evaluation, facts: Facts) -> str:
    labels = {"": facts.guidance.outcome.name, **{name: one.label for name, one in report.predictions.items()}}
    return " ".join(said.validity(labels[name], one, report.split) for name, one in report.everything.items())


def _test_validity(facts: Facts) -> Computed:
    report = facts.evaluation
    return _no_training(facts) if report is None else _from(facts, "training", _validity(report, facts))


def _judged(facts: Facts, kind: Kind) -> str:
    return " ".join(
        said.groups_judged(
            label,
            [(f"{one.attribute} {one.value}", one.verdict) for one in groups.groups],
            said.group_limits(facts.guidance),
        )
        for label, groups in facts.groups(kind).items()
    )


def _test_fairness(facts: Facts) -> Computed:
    if "training" not in facts.packs:
        return _no_training(facts)
    return _from(facts, "training", _judged(facts, "training"), "the training evidence lists no groups")


def _external(text: Callable[[Facts], str]) -> Callable[[Facts], Computed]:
    def found(facts: Facts) -> Computed:
        if "external" not in facts.packs:
            return Computed(source=facts.release, why_not="No evidence of an external validation is filed.")
        return _from(facts, "external", text(facts), "External evidence is filed, and it holds no such figures.")

    return found


def _external_validity(facts: Facts) -> str:
    report = facts.external
    return "" if report is None else _validity(report, facts)


def _outcome_evaluation(facts: Facts) -> Computed:
    if "trial" not in facts.packs:
        why = "No trial or other evaluation of its use on outcomes is filed."
        return Computed(source=facts.release, why_not=why)
    report = facts.trial
    text = "" if report is None else said.trial(report)
    return _from(facts, "trial", text, "A trial is filed, and its figures cannot be read.")


def _local_validity(facts: Facts) -> Computed:
    report = facts.silent
    if report is None:
        return Computed(source=facts.release, why_not="No silent period has been evaluated here yet.")
    return _from(facts, "silent", said.silent(report), "No outcome of the silent period is known yet.")


def _local_fairness(facts: Facts) -> Computed:
    """By group of the silent period's own stays, sites of this organisation among them."""
    report, tables = facts.silent, facts.groups("silent")
    if report is None:
        return Computed(source=facts.release, why_not="No silent period has been evaluated here yet.")
    if not tables:
        why = (
            f"The silent period {report.since[:10]} to {report.until[:10]} tells of no groups: {report.matured:,} decisions "
            f"with a known outcome, {report.events:,} of them with the outcome."
        )
        return _from(facts, "silent", "", why)
    text = f"{said.silent_days(report)} {_judged(facts, 'silent')} {' '.join(map(said.by_site, tables.values()))}"
    return _from(facts, "silent", text.strip())


def _release_dates(facts: Facts) -> Computed:
    text = "; ".join(f"version {one.version} proposed {one.day}" for one in facts.dates)
    return Computed(text=text, source=facts.release, why_not="" if text else "no registry holds this release yet")


def _of_guidance(words: Callable[..., str]) -> Callable[[Facts], Computed]:
    return lambda facts: Computed(text=words(facts.guidance), source=facts.release)


def _use(variable: str) -> Callable[[Facts], Computed]:
    return lambda facts: Computed(text=use_of(facts, variable), source=facts.release)


def _from(facts: Facts, kind: Kind, text: str, why_not: str = "") -> Computed:
    return Computed(text=text, source=facts.digest_of(kind), why_not="" if text else why_not)


def _no_training(facts: Facts) -> Computed:
    return Computed(source=facts.release, why_not="no training evidence is filed")


_HOW: Final[Mapping[str, Callable[[Facts], Computed]]] = MappingProxyType({
    "output_type": _output_type,
    "population": _population,
    "limitations": _limitations,
    "training_criteria": _training_criteria,
    "input_variables": _input_variables,
    "training_demographics": _training_demographics,
    "relevance": _relevance,
    "external_demographics": _external(lambda facts: _demographics(facts, "external")),
    "test_validity": _test_validity,
    "test_fairness": _test_fairness,
    "external_validity": _external(_external_validity),
    "external_fairness": _external(lambda facts: _judged(facts, "external")),
    "outcome_evaluation": _outcome_evaluation,
    "validity_monitoring": _of_guidance(said.validity_monitored),
    "local_validity": _local_validity,
    "fairness_monitoring": _of_guidance(said.fairness_monitored),
    "local_fairness": _local_fairness,
    "update_process": _of_guidance(said.updated),
    "correction_process": _of_guidance(said.corrected),
    "release_dates": _release_dates,
    **{f"use_of_{key}": _use(key) for key in VARIABLES},
})  # fmt: skip
"""Key → how it is computed: one for each attribute that is not the author's alone."""
