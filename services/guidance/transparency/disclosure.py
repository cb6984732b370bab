"""transparency.yaml as types: what a reader must know of a guidance and no computation can tell.

It lies beside guidance.yaml and belongs to the release, so its digest covers it. What `about` says is not asked twice,
what is computed has no place here. Each characteristic of (b)(11)(vi)(A) has its risks; each control is proven by a test
or a monitor.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from pydantic import Field, StringConstraints

from services.guidance.feature_definition import Name, Part

Characteristic = Literal[
    "validity", "reliability", "robustness", "fairness", "intelligibility", "safety", "security", "privacy"
]
CHARACTERISTICS: Final[tuple[Characteristic, ...]] = get_args(Characteristic)
"""Of (b)(11)(vi)(A), in its order."""
Owner = Literal[
    "data-steward", "clinical-reviewer", "data-science-reviewer", "equity-reviewer", "privacy-security", "statistician",
    "operations", "patient-representative", "safety-officer",
]  # fmt: skip

LONGEST: Final = 4000
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST)]
Proof = Annotated[
    str, StringConstraints(pattern=r"^(monitor:[a-z][a-z0-9-]*|tests/[A-Za-z0-9_/]+\.py::[A-Za-z0-9_]+)$")
]


class NotAvailable(Part):
    """An attribute of which nothing can be shown for review, and why; eleven of the 31 may say so, (v)(A)(2)."""

    not_available: Literal[True] = Field(alias="notAvailable", description="there is nothing to show")
    reason: Text = Field(description="why")


class Attributes(Part):
    """What the author answers of the 31 source attributes; the others come from `about` in guidance.yaml or are computed."""

    output: Text | None = Field(default=None, description="(1)(iii): the value that it produces as an output")
    population: Text | None = Field(
        default=None, description="(2)(ii): intended patients, beside the rules of guidance.yaml, which are added"
    )
    decision_role: Text | None = Field(
        default=None, description="(2)(iv): e.g. informs, augments or replaces clinical management"
    )
    limitations: Text | None = Field(
        default=None, description="(3)(ii): known risks, inappropriate settings and uses; the risk register is added"
    )
    relevance: Text | None = Field(
        default=None, description="(4)(iv): relevance of the training data to the setting; what they were is added"
    )
    bias_reduction: Text | None = Field(
        default=None, description="(5)(ii): how bias is managed, reduced or eliminated; (5)(i) is `about.equity`"
    )
    external_source: Text | NotAvailable | None = Field(
        default=None, description="(6)(i): where else validity and fairness were assessed"
    )
    external_party: Text | NotAvailable | None = Field(default=None, description="(6)(ii): who tested it there")
    external_process: Text | NotAvailable | None = Field(default=None, description="(6)(iv): how it was tested there")


class Uses(Part):
    """Features that hold what no field of a FHIR resource names as such; race, sex and the like are found by their source."""

    sexual_orientation: tuple[Name, ...] = Field(default=(), description="features that hold sexual orientation")
    gender_identity: tuple[Name, ...] = Field(default=(), description="features that hold gender identity")
    social_determinants: tuple[Name, ...] = Field(
        default=(), description="features that hold social determinants of health, e.g. housing or income"
    )
    health_status: tuple[Name, ...] = Field(
        default=(), description="features that hold health status assessments, e.g. a functional or mental status"
    )


class Risk(Part):
    """One line of the risk register."""

    characteristic: Characteristic = Field(description="of the eight that (b)(11)(vi)(A) names")
    hazard: Text = Field(description="what could go wrong, and for whom")
    likelihood: Literal["rare", "unlikely", "possible", "likely"] = Field(description="without the control")
    severity: Literal["minor", "moderate", "serious", "severe"] = Field(description="of the harm, if it happens")
    control: Text = Field(description="what is done about it")
    proven_by: tuple[Proof, ...] = Field(
        min_length=1, description="`tests/….py::test_…` that holds the control, or `monitor:<id>` that watches it"
    )
    residual: Literal["low", "moderate", "high"] = Field(description="the risk that is left with the control")
    left: Text = Field(description="what is left, in words")
    owner: Owner = Field(description="the role that answers for it")


class Transparency(Part):
    """The whole of transparency.yaml."""

    attributes: Attributes = Field(default=Attributes(), description="what the author answers of the source attributes")
    uses: Uses = Field(default=Uses(), description="features that hold variables of (iv)(A)(8), (9), (12) and (13)")
    stakeholders: Text | None = Field(default=None, description="who was consulted in making it (model card)")
    keywords: tuple[Text, ...] = Field(default=(), description="to find it by (model card)")
    risks: tuple[Risk, ...] = Field(default=(), description="the risk register")

    def given(self, key: str) -> str | NotAvailable | None:
        """What the author says of an attribute; None: nothing."""
        found: str | NotAvailable | None = getattr(self.attributes, key, None)
        return found
