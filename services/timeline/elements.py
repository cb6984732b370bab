"""The FHIR elements inside resources that Knowdo reads: concepts, references, periods, quantities. All optional."""

from __future__ import annotations

import msgspec


class Part(msgspec.Struct, rename="camel", gc=False):
    """Base of every element that is read."""


class Meta(Part):
    """When this version was stored."""

    last_updated: str | None = None
    version_id: str | None = None


class Reference(Part):
    """A pointer to another resource."""

    reference: str | None = None
    display: str | None = None


class Coding(Part):
    """One code of one system."""

    system: str | None = None
    code: str | None = None


class Concept(Part):
    """A CodeableConcept; a bare Coding or an R5 CodeableReference sent in its place is understood too."""

    coding: list[Coding | None] | None = None
    text: str | None = None
    system: str | None = None
    code: str | None = None
    concept: Concept | None = None


class CodeableReference(Part):
    """R5: a concept or a pointer to what says more."""

    concept: Concept | None = None
    reference: Reference | None = None


class Period(Part):
    """From and to."""

    start: str | None = None
    end: str | None = None


class Quantity(Part):
    """A number with a unit."""

    value: float | None = None
    comparator: str | None = None
    unit: str | None = None
    system: str | None = None
    code: str | None = None


class Money(Part):
    """An amount in a currency (ISO 4217); STU3 sent it as a Quantity, whose code is the currency."""

    value: float | None = None
    currency: str | None = None
    code: str | None = None


class Repeat(Part):
    """For how long a dosage holds."""

    bounds_period: Period | None = None


class Timing(Part):
    """When something is done again and again."""

    repeat: Repeat | None = None


class Extension(Part):
    """An extension, as far as race, ethnicity and the score of an answer need it."""

    url: str | None = None
    value_coding: Coding | None = None
    value_string: str | None = None
    value_decimal: float | None = None
    extension: list[Extension | None] | None = None
