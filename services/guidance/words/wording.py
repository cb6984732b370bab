"""Every sentence, once: card, report, console and FHIR say the same words, because they all ask here.

Pure functions. Frequencies before percentages, both halves of every hundred, `went with` and never `because`;
none, one, some, nearly all and all are written out. The sentences on evidence stand in `evidence_wording`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from services.guidance.definition import Feature, Outcome
from services.guidance.words.evidence_wording import (
    INTERVAL_NOTE,
    Sample,
    base,
    calibration,
    discrimination,
    false_alarms,
    glass_box_price,
    missed,
    overall_accuracy,
    right_per_100,
    weighed,
)
from services.guidance.words.grammar import Pronoun, listed, pronoun, singular, verb
from services.guidance.words.markdown import escape_markdown, one_line
from services.guidance.words.rounding import count_of, denominator, number, out_of, percent

__all__ = [
    "AI_DERIVED", "DEMONSTRATION_POLICY", "INTERVAL_NOTE", "NOT_APPROVED", "SCORE_DERIVED", "Pronoun", "Sample", "base", "calibration",
    "discrimination", "escape_markdown", "false_alarms", "glass_box_price", "listed", "main_reasons", "missed",
    "no_card", "not_computed", "not_known", "not_meant", "number", "of_people", "one_line", "out_of", "overall_accuracy",
    "percent", "points", "pronoun", "reason", "right_per_100", "score_withheld", "singular", "stage_notice",
    "too_little_known", "value_text", "weighed", "withheld",
]  # fmt: skip

_ONE_OR_MANY = re.compile(r"\{([^{}|]*)\|([^{}|]*)\}")

AI_DERIVED = "AI-derived: a model computed this from the record. Check it against the patient."
SCORE_DERIVED = "Computed from the record by published scores and rules. Check it against the patient."
NOT_APPROVED = "Draft for a clinical committee; not approved for patient care."
DEMONSTRATION_POLICY = (
    "Demonstration policy: made-up committee members approved this on made-up patients. Not for patient care."
)


def of_people(
    outcome: Outcome, *, risk: float, base_rate: float, people: str = "people like them", usual: str = "on average"
) -> str:
    """As in `Of **100** people like him, about **28** come back … and **72** do not; on average it is 11 of 100`."""
    of = denominator(risk, base_rate)
    yes = count_of(risk, of)
    if yes == 0:
        said = f"fewer than **1** {singular(outcome.happens)}"
    elif yes == of:
        said = f"nearly all {outcome.happens}"
    else:
        no = of - yes
        said = f"about **{yes}** {verb(outcome.happens, yes)} and **{no}** {verb(outcome.happens_not, no)}"
    return f"Of **{of:,}** {people}, {said}; {usual} it is {out_of(base_rate, of)}."


def value_text(feature: Feature, value: float) -> str:
    """A feature's value as read: `9.8`, or the word of its level (`male`), or `yes` and `no` for what exists or not."""
    for token, level in feature.levels.items():
        if level == value:
            return feature.words.get(token) or token.partition("|")[2].replace("_", " ")
    if feature.says_yes_or_no:
        return "yes" if value else "no"
    return number(value, feature.decimals)


def reason(feature: Feature, value: float | None) -> str:
    """A reason as read: the phrase with its value; what is missing is said to be missing."""
    if value is None:
        return f"{feature.label} not known"
    if value == 0 and (feature.phrase_zero or feature.says_yes_or_no):
        return feature.phrase_zero or f"no {feature.label}"
    phrase = feature.phrase or (feature.label if feature.says_yes_or_no else f"{feature.label} {{value}}")
    shown = value_text(feature, value)
    chosen = _ONE_OR_MANY.sub(r"\1" if shown == "1" else r"\2", phrase) if "|" in phrase else phrase
    return chosen.replace("{value}", shown)


def main_reasons(reasons: Sequence[str]) -> str:
    """As in `Main reasons: a, b and c (they went with a higher risk; none is proven to cause it)`."""
    if not reasons:
        return "No single entry in the record stands out."
    if len(reasons) == 1:
        said, note = f"Main reason: {reasons[0]}", "it went with a higher risk; it is not proven to cause it"
    else:
        said, note = f"Main reasons: {listed(reasons)}", "they went with a higher risk; none is proven to cause it"
    # After a reason that ends with its source in brackets, a second pair of brackets could not be read.
    return f"{said}. {note[:1].upper()}{note[1:]}." if said.endswith(")") else f"{said} ({note})."


def not_known(labels: Sequence[str], *, inputs: int, shown: int = 5) -> str:
    """`Not known: albumin and HbA1c.`; nothing missing is the empty string, everything missing says so."""
    if not labels:
        return ""
    if len(labels) >= inputs:
        return f"Not known: none of the {inputs} entries it reads is in the record."
    if len(labels) > shown:
        return f"Not known: {', '.join(labels[:shown])} and {len(labels) - shown} more of {inputs}."
    return f"Not known: {listed(labels)}."


def withheld(score: str, missing: Sequence[str]) -> str:
    """As in `HOSPITAL score (2016) is withheld: haemoglobin and sodium are not known`."""
    if not missing:
        return f"{score} is withheld: it is outside its range."
    return f"{score} is withheld: {listed(missing)} {verb('are', len(missing))} not known."


def points(parts: Sequence[tuple[str, float]]) -> str:
    """What gave a score its points: `breathing 25 (3), oxygen (2)`."""
    return ", ".join(f"{said} ({number(own, 0 if own == int(own) else 1)})" for said, own in parts) or "no points"


def not_computed(label: str, why: str) -> str:
    """As in `The risk of death in this stay is not computed: it is not meant for this patient now`."""
    return f"The risk of {label} is not computed: {why}."


def not_meant(*, surely: bool) -> str:
    """Why a risk is not computed whose condition does not hold."""
    return "it is not meant for this patient now" if surely else "it is not known whether it is meant for this patient"


def too_little_known(labels: Sequence[str], *, inputs: int, shown: int = 3) -> str:
    """Why a risk is not computed: which of its entries are not known, or how many."""
    if len(labels) > shown:
        return f"{len(labels)} of its {inputs} entries are not known"
    return f"{listed(labels)} {verb('are', len(labels))} not known"


def score_withheld(labels: Sequence[str]) -> str:
    """Why a published risk is not computed: what it lacks, or that it is outside its range."""
    return too_little_known(labels, inputs=len(labels), shown=len(labels)) if labels else (
        "an entry is outside the range that the published score allows"
    )  # fmt: skip


def no_card(*, risk: float, limit: float) -> str:
    """Why nothing is shown: `No card: risk 9 of 100, below the limit of 20 of 100`."""
    of = denominator(risk, limit)
    return f"No card: risk {out_of(risk, of)}, below the limit of {out_of(limit, of)}."


def stage_notice(stage: str, *, places: Sequence[str] = ()) -> str:
    """What a reader must know of the stage; in general use there is nothing to say."""
    where = f" at {listed(places)}" if places and "*" not in places else ""
    return {
        "silent": "Silent stage: staff do not see this card.",
        "pilot": f"Pilot{where}: on trial here, and may be stopped at any time.",
        "suspended": "Stopped: this guidance does not speak now.",
    }.get(stage, "")
