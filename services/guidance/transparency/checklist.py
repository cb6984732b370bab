"""The expert's checklist: each item of TRIPOD+AI and PROBAST+AI, with where the evidence answers it or who does.

`tests/learner/report/test_checklist.py` looks every field up in a real pack and every anchor in a real report; here a
release is asked the same: which of its items its own evidence answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from services.guidance.release import EvidencePack

TRIPOD: Final = "TRIPOD+AI"
PROBAST: Final = "PROBAST+AI"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item, with the file and field of the evidence pack that answers it, and the section of the report."""

    tool: str
    item: str
    asks: str
    fields: tuple[str, ...]
    """`file: path`, in the pack."""
    anchor: str
    gate: str = ""
    """What stops a release that fails it, where something does."""


def _of(tool: str, item: str, asks: str, fields: tuple[str, ...], anchor: str, gate: str = "") -> Item:
    return Item(tool=tool, item=item, asks=asks, fields=fields, anchor=anchor, gate=gate)


ITEMS: Final = (
    _of(TRIPOD, "3c, 14", "health inequalities, and what is done about them", ("model_card.json: about.equity", "evidence.json: limits"), "whom"),
    _of(TRIPOD, "5a", "sources of the data", ("evidence.json: dataset.store", "dataset.json: patients_in_store"), "again"),
    _of(TRIPOD, "5b", "dates", ("evidence.json: since", "evidence.json: until"), "again"),
    _of(TRIPOD, "6a", "setting: sites", ("evaluation.json: validations", "evidence.json: predictions.risk.looks.groups.groups"), "elsewhere"),
    _of(TRIPOD, "6b, 20a", "eligibility and flow, with each reason", ("cohort.json: steps", "evidence.json: flow"), "from"),
    _of(TRIPOD, "6c", "treatments received", ("model_card.json: known_limits",), "unknown"),
    _of(TRIPOD, "7", "preparation of the data, the same at the bedside", ("dataset.json: problems", "dataset.json: values_from_the_future"), "again"),
    _of(TRIPOD, "8a", "outcome, horizon, and states that are none", ("model_card.json: outcome", "cohort.json: outcomes"), "for"),
    _of(TRIPOD, "9a, 9b", "predictors, and how each is defined", ("model_card.json: inputs",), "shape"),
    _of(TRIPOD, "10", "sample size", ("evaluation.json: sample_size.needed", "evaluation.json: sample_size.parameters"), "sample", "sample-size"),
    _of(TRIPOD, "11", "missing data, with the outcome and without", ("dataset.json: inputs", "evidence.json: predictions.risk.looks.missing_inputs"), "inputs"),
    _of(TRIPOD, "12a", "how data were kept apart", ("evaluation.json: split", "evidence.json: folds"), "again"),
    _of(TRIPOD, "12c", "kinds of model, tuning, selection", ("evidence.json: predictions.risk.recipes", "evidence.json: predictions.risk.tuning", "evaluation.json: chosen"), "models"),
    _of(TRIPOD, "12d, 23b", "heterogeneity over sites and time", ("evaluation.json: validations", "evidence.json: predictions.risk.looks.over_time"), "time"),
    _of(TRIPOD, "12e, 23a", "discrimination, calibration and usefulness, each with its interval", ("evidence.json: predictions.risk.performances", "evidence.json: predictions.risk.looks.benefit"), "believed", "intervals"),
    _of(TRIPOD, "12f, 24", "recalibration: the line in log-odds is part of the model", ("evaluation.json: models",), "models"),
    _of(TRIPOD, "12g, 22", "the model itself, to be reckoned with", ("model_card.json: release",), "shape"),
    _of(TRIPOD, "13", "class imbalance: none is corrected; the base rate stands beside AUPRC", ("evaluation.json: events", "evaluation.json: rows"), "models"),
    _of(TRIPOD, "15", "output, thresholds and what they mean for people", ("evidence.json: predictions.risk.looks.work", "evidence.json: predictions.risk.looks.policied"), "thresholds"),
    _of(TRIPOD, "16, 20c", "how data of evaluation differ from those of training", ("evaluation.json: validations",), "elsewhere"),
    _of(TRIPOD, "18a", "funding", ("model_card.json: about.funding",), "asked"),
    _of(TRIPOD, "18c, 18d", "protocol: the limits are in the release, whose digest came before the evidence", ("evidence.json: limits", "evidence.json: release"), "asked"),
    _of(TRIPOD, "18e, 18f", "data and code: the same again gives the same digests", ("evidence.json: seed", "evidence.json: software", "evidence.json: dataset.store"), "again"),
    _of(TRIPOD, "20b, 21", "participants and events of each analysis, by group", ("evaluation.json: patients", "evidence.json: predictions.risk.looks.groups.groups"), "whom"),
    _of(TRIPOD, "26", "limitations", ("model_card.json: known_limits",), "unknown"),
    _of(TRIPOD, "27a to 27c", "use: poor or missing input, who reads it, what must be known", ("model_card.json: about.intended_users", "model_card.json: about.not_for"), "for"),
    _of(PROBAST, "participants and data sources (1.1)", "appropriate sources", ("evidence.json: dataset.store", "evidence.json: flow"), "from"),
    _of(PROBAST, "participants and data sources (1.2)", "appropriate inclusions and exclusions", ("cohort.json: steps", "model_card.json: population"), "from"),
    _of(PROBAST, "predictors (2.1)", "defined alike for all: one code path at the bedside and in history", ("model_card.json: inputs",), "shape"),
    _of(PROBAST, "predictors (2.2, 2.3)", "known at the time of use, without knowledge of the outcome", ("dataset.json: values_from_the_future", "dataset.json: rows_with_canaries"), "alarms", "leak-alarms"),
    _of(PROBAST, "outcome (3.1, 3.2)", "determined by a definition fixed before", ("model_card.json: outcome", "cohort.json: outcomes"), "for"),
    _of(PROBAST, "outcome (3.3)", "predictors are not part of it", ("evaluation.json: leaks.found", "evaluation.json: leaks.largest_feature_auroc"), "alarms", "leak-alarms"),
    _of(PROBAST, "outcome (3.6)", "a sound time between: horizon, maturity, lead time", ("cohort.json: outcomes",), "inputs"),
    _of(PROBAST, "analysis (4.1)", "enough participants with the outcome", ("evaluation.json: sample_size.needed", "evaluation.json: sample_size.events"), "sample", "sample-size"),
    _of(PROBAST, "analysis (4.2)", "continuous predictors are not cut in two", ("evidence.json: predictions.risk.recipes",), "shape"),
    _of(PROBAST, "analysis (4.3)", "all enrolled are analysed, or counted with the reason", ("cohort.json: steps", "evaluation.json: states"), "from"),
    _of(PROBAST, "analysis (4.4)", "missing data handled inside the model", ("dataset.json: inputs",), "inputs"),
    _of(PROBAST, "analysis (4.5)", "no selection by one variable alone", ("evaluation.json: sample_size.parameters",), "models"),
    _of(PROBAST, "analysis (4.6)", "competing events, censoring, repeated rows", ("evaluation.json: states", "evaluation.json: patients"), "unknown"),
    _of(PROBAST, "analysis (4.7)", "calibration and discrimination, both with intervals", ("evaluation.json: models", "evidence.json: predictions.risk.performances"), "believed", "intervals"),
    _of(PROBAST, "analysis (4.8)", "overfitting: out of fold, later time, instability", ("evidence.json: predictions.risk.looks.instability", "evaluation.json: validations"), "steady", "later-time"),
    _of(PROBAST, "analysis (4.9)", "the model that is reported is the one that speaks", ("evaluation.json: release",), "asked", "training-report-bound"),
    _of(PROBAST, "analysis, evaluation part", "fairness: every group with events, intervals and a verdict", ("evidence.json: predictions.risk.looks.groups.groups", "evidence.json: predictions.risk.looks.groups.intersections"), "whom"),
)  # fmt: skip

PEOPLES: Final = (
    ("TRIPOD+AI 1, 2, 3a, 3b, 4", "title, summary, context, objectives: `about` of guidance.yaml and the question of section 1"),
    ("TRIPOD+AI 8b, 8c, 9c", "who assessed outcomes and predictors, and whether blinded: not in a record; the committee asks the site"),
    ("TRIPOD+AI 17, 18b, 19", "ethical approval, conflicts of interest, involvement of patients: the registry's votes and entries"),
    ("TRIPOD+AI 25", "interpretation: the committee's own, kept with its votes"),
)  # fmt: skip
"""What only people can answer, and where they do."""


def tripod_summary(training: EvidencePack | None) -> list[dict[str, Any]]:
    """The 27 items of TRIPOD+AI: where each is answered, and of those that evidence answers, whether this evidence does.

    `answered` is None where people answer. Without evidence nothing is answered.
    """
    read: dict[str, Any] = {}
    items = [
        {
            "item": one.item,
            "asks": one.asks,
            "where": list(one.fields),
            "section": f"report.html#{one.anchor}",
            "answered": training is not None and all(_is_there(field, training.files, read) for field in one.fields),
        }
        for one in ITEMS
        if one.tool == TRIPOD
    ]
    people = [
        {"item": item.removeprefix(f"{TRIPOD} "), "asks": "", "where": [where], "section": "", "answered": None}
        for item, where in PEOPLES
    ]
    return sorted([*items, *people], key=_in_order)


def _in_order(item: Mapping[str, Any]) -> tuple[int, str]:
    said = str(item["item"])
    digits = said[:2] if said[:2].isdigit() else said[:1]
    return int(digits), said


def _is_there(field: str, files: Mapping[str, bytes], read: dict[str, Any]) -> bool:
    """Whether `file: a.b.c` is in the pack; an empty list is an answer, null is none."""
    name, _, path = field.partition(": ")
    if name not in files:
        return False
    try:
        here = read[name] if name in read else read.setdefault(name, msgspec.json.decode(files[name]))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    for step in path.split("."):
        if not isinstance(here, dict) or step not in here:
            return False
        here = here[step]
    return here is not None
