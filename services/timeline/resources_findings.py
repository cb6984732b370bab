"""What is read of findings: Condition, AllergyIntolerance, Observation, DiagnosticReport, QuestionnaireResponse.

R4 and R5 name what is read here alike.
"""

from __future__ import annotations

from services.timeline.elements import Coding, Concept, Extension, Meta, Part, Period, Quantity, Reference


class Condition(Part, tag_field="resourceType", tag="Condition"):
    """A diagnosis or problem."""

    id: str | None = None
    meta: Meta | None = None
    clinical_status: Concept | None = None
    verification_status: Concept | None = None
    code: Concept | None = None
    subject: Reference | None = None
    encounter: Reference | None = None
    onset_date_time: str | None = None
    onset_period: Period | None = None
    abatement_date_time: str | None = None
    abatement_period: Period | None = None
    recorded_date: str | None = None


class AllergyIntolerance(Part, tag_field="resourceType", tag="AllergyIntolerance"):
    """What the patient does not bear."""

    id: str | None = None
    meta: Meta | None = None
    clinical_status: Concept | None = None
    verification_status: Concept | None = None
    code: Concept | None = None
    patient: Reference | None = None
    encounter: Reference | None = None
    onset_date_time: str | None = None
    onset_period: Period | None = None
    recorded_date: str | None = None


class Component(Part):
    """One part of an Observation, such as the systolic pressure."""

    code: Concept | None = None
    value_quantity: Quantity | None = None
    value_codeable_concept: Concept | None = None
    value_integer: float | None = None
    value_boolean: bool | None = None
    data_absent_reason: Concept | None = None


class Observation(Part, tag_field="resourceType", tag="Observation"):
    """A measurement or finding."""

    id: str | None = None
    meta: Meta | None = None
    status: str | None = None
    code: Concept | None = None
    subject: Reference | None = None
    encounter: Reference | None = None
    effective_date_time: str | None = None
    effective_instant: str | None = None
    effective_period: Period | None = None
    issued: str | None = None
    value_quantity: Quantity | None = None
    value_codeable_concept: Concept | None = None
    value_integer: float | None = None
    value_boolean: bool | None = None
    data_absent_reason: Concept | None = None
    component: list[Component | None] | None = None


class DiagnosticReport(Part, tag_field="resourceType", tag="DiagnosticReport"):
    """What a laboratory or a reader reported, and concluded."""

    id: str | None = None
    meta: Meta | None = None
    status: str | None = None
    code: Concept | None = None
    subject: Reference | None = None
    encounter: Reference | None = None
    effective_date_time: str | None = None
    effective_period: Period | None = None
    issued: str | None = None
    conclusion_code: list[Concept | None] | None = None


class AnswerCoding(Part):
    """A coded answer, with its score."""

    system: str | None = None
    code: str | None = None
    display: str | None = None
    extension: list[Extension | None] | None = None


class Answer(Part):
    """One answer, and the questions that it led to. Of dates, texts, files it is read that they are there."""

    value_boolean: bool | None = None
    value_decimal: float | None = None
    value_integer: float | None = None
    value_quantity: Quantity | None = None
    value_coding: AnswerCoding | None = None
    item: list[Item | None] | None = None


class Item(Part):
    """A question with its answers, or a group of questions."""

    link_id: str | None = None
    code: list[Coding | None] | None = None
    answer: list[Answer | None] | None = None
    item: list[Item | None] | None = None


class QuestionnaireResponse(Part, tag_field="resourceType", tag="QuestionnaireResponse"):
    """A form that was filled in, by the patient or about them."""

    id: str | None = None
    meta: Meta | None = None
    status: str | None = None
    questionnaire: str | None = None
    subject: Reference | None = None
    encounter: Reference | None = None
    authored: str | None = None
    item: list[Item | None] | None = None
