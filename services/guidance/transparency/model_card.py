"""The applied model card of the Coalition for Health AI, v0.2: its fields, in its order, from what is disclosed.

One tree gives both forms: XML in the namespace of the published schema (`https://mc.chai.org/v0.2/schema.xsd`; the
tests hold it to that schema where it was fetched, and to its order everywhere) and Markdown for people. What nobody
has said is said to be missing; nothing is made up to fill a field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from xml.etree import ElementTree

from services.guidance.estimate import Estimate
from services.guidance.evidence import Evaluation
from services.guidance.lifecycle import State
from services.guidance.transparency.bibliography import bibtex
from services.guidance.transparency.disclosed import Filled
from services.guidance.transparency.readings import Facts
from services.guidance.transparency.risk_register import Register
from services.guidance.words.markdown import escape_markdown

NAMESPACE: Final = "https://mc.chai.org/v0.2/schema.xsd"
_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_WORDS: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_LONGEST: Final = 20_000
_FEWEST: Final = 10  # patients: of fewer no count is told
NOT_SAID: Final = "Not stated."
Node = tuple[str, "str | tuple[Node, ...]"]
"""A field and its text, or its fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """What the card is made of."""

    facts: Facts
    attributes: Mapping[str, Filled]
    """By key."""
    register: Register
    state: State
    day: str
    """On which the release was proposed."""

    def said(self, *keys: str) -> str:
        """What is disclosed under these keys; a missing one says so."""
        return " ".join(self._one(self.attributes[key]) for key in keys)

    @staticmethod
    def _one(filled: Filled) -> str:
        if filled.missing:
            return f"Missing: {filled.missing}."
        return f"Not available: {filled.not_available}" if filled.not_available else filled.text

    def risks(self, *characteristics: str) -> str:
        """The hazards of these characteristics with their controls."""
        lines = [line.risk for line in self.register.lines if line.risk.characteristic in characteristics]
        return " ".join(f"{one.hazard} {one.control} Left: {one.left}" for one in lines) or NOT_SAID


def card_fields(known: CardFacts) -> tuple[Node, ...]:
    """The card as a tree, in the order of the schema."""
    facts = known.facts
    guidance, about, said = facts.guidance, facts.guidance.about, known.said
    return (
        ("BasicInfo", (
            ("ModelName", f"{guidance.title} ({guidance.id})"),
            ("ModelDeveloper", said("developer")),
            ("DeveloperContact", said("developer")),
        )),
        ("ReleaseInfo", (
            ("ReleaseStage", known.state),
            ("ReleaseDate", known.day or NOT_SAID),
            ("ReleaseVersion", f"{guidance.version}, {facts.release}"),
            ("GlobalAvailability", "At the organisation whose registry gives this card; open source elsewhere."),
            ("EHRCompatibility", tuple(("EHR", f"any client of CDS Hooks 2.0 that calls {one.hook}") for one in guidance.hooks)),
        )),
        ("ModelSummary", (
            ("Summary", f"{guidance.description.strip()} {said('output')}"),
            ("Keywords", tuple(("Keyword", one) for one in facts.disclosed.keywords)),
        )),
        ("UsesAndDirections", (
            ("IntendedUseAndWorkflow", said("intended_use", "decision_role")),
            ("PrimaryIntendedUsers", said("users")),
            ("HowToUse", f"{about.question} {said('output')}"),
            ("TargetedPatientPopulation", said("population")),
            ("CautionedOutOfScopeSettings", said("not_for")),
        )),
        ("Warnings", (
            ("KnownRisksAndLimitations", said("limitations")),
            ("KnownBiasesOrEthicalConsiderations", f"{said('fairness_approach')} {known.risks('fairness')}"),
            ("ClinicalRiskLevel", f"{guidance.policy.risk_tier} (the risk tier that this guidance declares)"),
        )),
        ("TrustIngredients", (("AISystemFacts", _system_facts(known)), ("TransparencyInformation", (
            ("FundingSource", said("funding")),
            ("StakeholdersConsulted", facts.disclosed.stakeholders or NOT_SAID),
        )))),
        ("KeyMetrics", tuple(_metrics(known))),
        ("Resources", (
            ("EvaluationReferences", said("external_validity")),
            ("ClinicalTrial", said("outcome_evaluation")),
            ("PeerReviewedPublications", "; ".join(about.citations) or NOT_SAID),
            ("PatientConsentOrDisclosure", "Whoever opted out of research by a FHIR Consent is not learned from. This page may be read without an account where the organisation so sets."),
        )),
        ("Bibliography", bibtex(about.citations)),
    )  # fmt: skip


def _system_facts(known: CardFacts) -> tuple[Node, ...]:
    said, report = known.said, known.facts.evaluation
    guidance = known.facts.guidance
    inputs = [one.label for one in guidance.features.values() if one.use == "model"]
    kinds = "published score" if guidance.model.published else "no evidence is filed yet"
    return (
        ("OutcomesAndOutputs", said("output_type", "output")),
        ("ModelType", report.chosen.replace("_", " ") if report is not None and report.chosen else kinds),
        ("FoundationModels", "None."),
        (
            "InputDataSource",
            "FHIR R4 resources of the health record, by the prefetch and access token of the hook call.",
        ),
        ("OutputAndInputDataTypes", f"In: {', '.join(inputs)}. {said('input_variables')} Out: a probability."),
        ("DevelopmentDataCharacterization", said("training_criteria", "training_demographics")),
        ("BiasMitigationApproaches", said("bias_reduction")),
        ("OngoingMaintenance", said("validity_monitoring", "update_process")),
        ("Security", known.risks("security", "privacy")),
        ("Transparency", known.risks("intelligibility")),
    )


def _metrics(known: CardFacts) -> Iterator[Node]:
    facts, said = known.facts, known.said
    report = facts.evaluation
    where = said("training_criteria")
    split = "Not run yet." if report is None else report.split
    yield (
        "UsefulnessUsabilityEfficacy",
        (
            ("MetricGoal", "Discrimination and calibration, each with its interval, on rows that were not fitted on."),
            ("Results", tuple(_validity(facts, report))),
            ("Interpretation", said("test_validity")),
            ("TestType", f"Internal: {split}"),
            ("TestingDataDescription", where),
            ("ValidationProcessAndJustification", said("external_process")),
        ),
    )
    yield (
        "FairnessEquity",
        (
            ("MetricGoal", "Every group within limits that were fixed before the data were seen."),
            ("Results", tuple(_groups(facts))),
            ("Interpretation", said("test_fairness")),
            ("TestType", f"Internal: {split}"),
            ("TestingDataDescription", said("training_demographics")),
            ("ValidationProcessAndJustification", said("fairness_monitoring")),
        ),
    )
    yield (
        "SafetyReliability",
        (
            ("MetricGoal", "Events observed against those expected, and cards within the budget, before it speaks."),
            ("Results", tuple(_silent(facts))),
            ("Interpretation", f"{said('local_validity')} {known.risks('safety', 'reliability')}"),
            ("TestType", "Local, prospective: a silent period of the release itself."),
            ("TestingDataDescription", said("local_validity")),
            ("ValidationProcessAndJustification", said("correction_process")),
        ),
    )


def _validity(facts: Facts, report: Evaluation | None) -> Iterator[Node]:
    found = False
    for name, judged in ({} if report is None else report.everything).items():
        label = facts.guidance.outcome.name if not name else facts.guidance.all_predictions[name].label
        model = judged.model
        if model is None:
            continue
        found = True
        yield _result(f"AUROC, {label}", _number(model.auroc, model.auroc_ci, n=judged.rows, events=judged.events))
        yield _result(f"Calibration slope, {label}", _estimate(model.calibration_slope))
        yield _result(f"Calibration intercept, {label}", _estimate(model.calibration_intercept))
        yield _result(f"Brier score, {label}", _number(model.brier, model.brier_ci))
    if not found:
        yield _none("No training evidence with figures is filed.")


def _groups(facts: Facts) -> Iterator[Node]:
    found = False
    for label, table in facts.groups("training").items():
        for one in table.groups:
            found = True
            told: dict[str, Any] = {"kind": "group", "verdict": one.verdict}
            if one.patients is not None and one.patients < _FEWEST:
                told["patients"] = f"fewer than {_FEWEST}"
            else:
                told |= {"patients": one.patients, "rows": one.rows}
                if one.observed_expected.estimate is not None:
                    told["observedExpected"] = _estimate(one.observed_expected.estimate)
            yield _result(f"{label}: {one.attribute} {one.value}", told)
    if not found:
        yield _none("No groups have been looked at.")


def _silent(facts: Facts) -> Iterator[Node]:
    report = facts.silent
    if report is None:
        yield _none("No silent period has been evaluated here yet.")
        return
    if report.calibration is not None:
        yield _result("Observed to expected, silent period", _estimate(report.calibration.o_e))
    yield _result("Share of calls with a card, silent period", _estimate(report.alert_rate))


def _number(value: float, interval: tuple[float, float] | None, **more: int) -> dict[str, Any]:
    return {"kind": "single", "value": value, **({"ci95": list(interval)} if interval else {}), **more}


def _estimate(estimate: Estimate) -> dict[str, Any]:
    return _number(estimate.value, estimate.ci)


def _result(label: str, value: Mapping[str, Any]) -> Node:
    return "MetricResult", (("Label", label), ("ValueJson", json.dumps(value, ensure_ascii=False)))


def _none(why: str) -> Node:
    """The schema asks for one result at least: that there is none, and why."""
    return _result("No result", {"kind": "none", "reason": why})


def card_xml(known: CardFacts) -> bytes:
    """The card as XML, UTF-8."""
    root = ElementTree.Element("AppliedModelCard", xmlns=NAMESPACE)
    _grow(root, card_fields(known))
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _grow(parent: ElementTree.Element, fields: tuple[Node, ...]) -> None:
    for name, value in fields:
        child = ElementTree.SubElement(parent, name)
        if isinstance(value, str):
            child.text = _NO_XML.sub(" ", value)
        else:
            _grow(child, value)


def card_markdown(known: CardFacts) -> str:
    """The card for people: the same fields in the same order."""
    lines = [f"# Model card: {_plain(known.facts.guidance.title)} {known.facts.guidance.version}", ""]
    lines += _lines(card_fields(known), 2)
    return "\n".join(lines).rstrip() + "\n"


def _lines(fields: tuple[Node, ...], depth: int) -> Iterator[str]:
    for name, value in fields:
        words = _WORDS.sub(" ", name)
        if isinstance(value, tuple) and name not in ("MetricResult", "Keywords", "EHRCompatibility"):
            yield from (f"{'#' * min(depth, 6)} {words}", "", *_lines(value, depth + 1))
        elif isinstance(value, tuple):
            texts = [text for _, text in value if isinstance(text, str)]
            yield from (
                f"- {_plain(': '.join(texts) if name == 'MetricResult' else ', '.join(texts)) or NOT_SAID}",
                "",
            )
        elif name == "Bibliography":
            yield from (f"{'#' * min(depth, 6)} {words}", "", "```bibtex", value.rstrip(), "```", "")
        else:
            yield from (f"**{words}**: {_plain(value)}", "")


def _plain(text: str) -> str:
    return escape_markdown(text, limit=_LONGEST)
