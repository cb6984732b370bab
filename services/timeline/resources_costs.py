"""What is read of costs: Claim, ExplanationOfBenefit, ChargeItem.

R5 is understood: `encounter` and `totalPriceComponent` in a ChargeItem where R4 says `context` and `priceOverride`.
"""

from __future__ import annotations

from services.timeline.elements import Concept, Meta, Money, Part, Period, Reference


class ClaimItem(Part):
    """One thing that is charged."""

    product_or_service: Concept | None = None
    serviced_date: str | None = None
    serviced_period: Period | None = None
    net: Money | None = None
    encounter: list[Reference | None] | None = None


class Claim(Part, tag_field="resourceType", tag="Claim"):
    """What is asked of a payer."""

    id: str | None = None
    meta: Meta | None = None
    status: str | None = None
    use: str | None = None
    patient: Reference | None = None
    billable_period: Period | None = None
    created: str | None = None
    item: list[ClaimItem | None] | None = None
    total: Money | None = None


class BenefitTotal(Part):
    """One of the sums: submitted, allowed, paid ..."""

    category: Concept | None = None
    amount: Money | None = None


class ExplanationOfBenefit(Part, tag_field="resourceType", tag="ExplanationOfBenefit"):
    """What the payer says to it."""

    id: str | None = None
    meta: Meta | None = None
    status: str | None = None
    use: str | None = None
    patient: Reference | None = None
    billable_period: Period | None = None
    created: str | None = None
    item: list[ClaimItem | None] | None = None
    total: list[BenefitTotal | None] | None = None


class PriceComponent(Part):
    """R5: the whole price, or a part of it."""

    amount: Money | None = None


class ChargeItem(Part, tag_field="resourceType", tag="ChargeItem"):
    """Something that costs."""

    id: str | None = None
    meta: Meta | None = None
    status: str | None = None
    code: Concept | None = None
    subject: Reference | None = None
    context: Reference | None = None
    encounter: Reference | None = None
    occurrence_date_time: str | None = None
    occurrence_period: Period | None = None
    entered_date: str | None = None
    price_override: Money | None = None
    total_price_component: PriceComponent | None = None
