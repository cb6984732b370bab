"""The source attributes of 45 CFR 170.315(b)(11)(iv), as one table: 31 of predictive support (B), 13 of evidence-based (A).

Which of them people answer, and which are computed from the release and its evidence and never typed, stands here and
nowhere else. "Not available for review" may be said of eleven, (v)(A)(2). Filling them makes a guidance source-attribute
complete; it is no certification.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

Filler = Literal["author", "computed", "both"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One source attribute."""

    key: str
    """Its name in transparency.yaml, in addresses and in the ledger."""
    paragraph: str
    """Within (iv)(B), or (iv)(A), e.g. `(2)(iv)`."""
    group: str
    asks: str
    """What the rule asks for, nearly word for word."""
    filled: Filler
    may_be_unavailable: bool = False
    about: str = ""
    """The field of `about` in guidance.yaml that answers it: it is not asked twice."""

    @property
    def asked_of_author(self) -> bool:
        """Whether transparency.yaml has a place for it."""
        return self.filled != "computed" and not self.about


def _of(paragraph: str, key: str, group: str, filled: Filler, asks: str, *, about: str = "") -> Attribute:
    starred = paragraph.endswith("*")
    return Attribute(
        key=key, paragraph=paragraph.rstrip("*"), group=group, asks=asks, filled=filled,
        may_be_unavailable=starred, about=about,
    )  # fmt: skip


_DETAILS: Final = "Details and output"
_PURPOSE: Final = "Purpose"
_CAUTION: Final = "Cautioned out-of-scope use"
_DEVELOPED: Final = "Development details and input features"
_FAIR: Final = "Process to ensure fairness"
_EXTERNAL: Final = "External validation process"
_MEASURES: Final = "Quantitative measures of performance"
_MAINTAINED: Final = "Ongoing maintenance"
_UPDATED: Final = "Update and continued validation schedule"

PREDICTIVE: Final[tuple[Attribute, ...]] = (
    _of("(1)(i)", "developer", _DETAILS, "author", "Name and contact information for the intervention developer", about="developer"),
    _of("(1)(ii)", "funding", _DETAILS, "author", "Funding source of the technical implementation for the intervention's development", about="funding"),
    _of("(1)(iii)", "output", _DETAILS, "author", "Description of value that the intervention produces as an output"),
    _of("(1)(iv)", "output_type", _DETAILS, "computed", "Whether the output is a prediction, classification, recommendation, evaluation, analysis, or other type of output"),
    _of("(2)(i)", "intended_use", _PURPOSE, "author", "Intended use of the intervention", about="intended_use"),
    _of("(2)(ii)", "population", _PURPOSE, "both", "Intended patient population(s) for the intervention's use"),
    _of("(2)(iii)", "users", _PURPOSE, "author", "Intended user(s)", about="intended_users"),
    _of("(2)(iv)", "decision_role", _PURPOSE, "author", "Intended decision-making role for which the intervention was designed, e.g. informs, augments, replaces clinical management"),
    _of("(3)(i)", "not_for", _CAUTION, "author", "Tasks, situations, or populations where a user is cautioned against applying the intervention", about="not_for"),
    _of("(3)(ii)", "limitations", _CAUTION, "both", "Known risks, inappropriate settings, inappropriate uses, or known limitations"),
    _of("(4)(i)", "training_criteria", _DEVELOPED, "computed", "Exclusion and inclusion criteria that influenced the training data set"),
    _of("(4)(ii)", "input_variables", _DEVELOPED, "computed", "Use of the variables (iv)(A)(5)-(13) as input features"),
    _of("(4)(iii)", "training_demographics", _DEVELOPED, "computed", "Demographic representativeness according to these variables, at a minimum those used as input features"),
    _of("(4)(iv)", "relevance", _DEVELOPED, "both", "Relevance of the training data to the intended deployed setting"),
    _of("(5)(i)", "fairness_approach", _FAIR, "author", "Approach taken to ensure that the output is fair", about="equity"),
    _of("(5)(ii)", "bias_reduction", _FAIR, "author", "Approaches to manage, reduce, or eliminate bias"),
    _of("(6)(i)*", "external_source", _EXTERNAL, "author", "Data source, clinical setting, or environment where validity and fairness were assessed, other than the source of training and testing data"),
    _of("(6)(ii)*", "external_party", _EXTERNAL, "author", "Party that conducted the external testing"),
    _of("(6)(iii)*", "external_demographics", _EXTERNAL, "computed", "Demographic representativeness of the external data according to the variables (iv)(A)(5)-(13)"),
    _of("(6)(iv)*", "external_process", _EXTERNAL, "author", "Description of the external validation process"),
    _of("(7)(i)", "test_validity", _MEASURES, "computed", "Validity in test data derived from the same source as the initial training data"),
    _of("(7)(ii)", "test_fairness", _MEASURES, "computed", "Fairness in test data derived from the same source as the initial training data"),
    _of("(7)(iii)*", "external_validity", _MEASURES, "computed", "Validity in data external to or from a different source than the initial training data"),
    _of("(7)(iv)*", "external_fairness", _MEASURES, "computed", "Fairness in data external to or from a different source than the initial training data"),
    _of("(7)(v)*", "outcome_evaluation", _MEASURES, "computed", "References to evaluation of use of the intervention on outcomes, e.g. morbidity, mortality, length of stay"),
    _of("(8)(i)", "validity_monitoring", _MAINTAINED, "computed", "Process and frequency by which validity is monitored over time"),
    _of("(8)(ii)*", "local_validity", _MAINTAINED, "computed", "Validity of the intervention in local data"),
    _of("(8)(iii)", "fairness_monitoring", _MAINTAINED, "computed", "Process and frequency by which fairness is monitored over time"),
    _of("(8)(iv)*", "local_fairness", _MAINTAINED, "computed", "Fairness of the intervention in local data"),
    _of("(9)(i)*", "update_process", _UPDATED, "computed", "Process and frequency by which the intervention is updated"),
    _of("(9)(ii)*", "correction_process", _UPDATED, "computed", "Frequency by which performance is corrected when risks related to validity and fairness are identified"),
)  # fmt: skip
"""(iv)(B), in its order."""

_EVIDENCE: Final = "Evidence-based support"
_VARIABLES: Final = "Use of variables"

VARIABLES: Final = MappingProxyType({
    "race": "race", "ethnicity": "ethnicity", "language": "language", "sexual_orientation": "sexual orientation",
    "gender_identity": "gender identity", "sex": "sex", "birth_date": "date of birth",
    "social_determinants": "social determinants of health", "health_status": "health status assessments",
})  # fmt: skip
"""(iv)(A)(5)-(13) by key, in its order: what each is called."""

EVIDENCE_BASED: Final[tuple[Attribute, ...]] = (
    _of("(1)", "citations", _EVIDENCE, "author", "Bibliographic citation of the intervention (clinical research or guideline)", about="citations"),
    _of("(2)", "translator", _EVIDENCE, "author", "Developer of the intervention (translation from clinical research or guideline)", about="developer"),
    _of("(3)", "evidence_funding", _EVIDENCE, "author", "Funding source of the technical implementation for the intervention's development", about="funding"),
    _of("(4)", "release_dates", _EVIDENCE, "computed", "Release and, if applicable, revision dates"),
    *(_of(f"({number})", f"use_of_{key}", _VARIABLES, "computed", f"Use of {said}") for number, (key, said) in enumerate(VARIABLES.items(), 5)),
)  # fmt: skip
"""(iv)(A), in its order."""

BY_KEY: Final = MappingProxyType({one.key: one for one in (*PREDICTIVE, *EVIDENCE_BASED)})
ASKED_OF_AUTHORS: Final = tuple(one for one in PREDICTIVE if one.asked_of_author)
"""What transparency.yaml has a place for: all that neither a computation nor `about` answers."""
