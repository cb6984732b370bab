"""The model card of a release, from what the registry holds of it."""

from __future__ import annotations

from services.guidance.transparency.model_card import CardFacts
from services.registry.transparency.about import About


def card_of(about: About) -> CardFacts:
    """What the card is made of: the attributes by key, the register, the state and the day of the proposal."""
    attributes = {one.attribute.key: one for kind in about.attributes.values() for one in kind}
    return CardFacts(
        facts=about.facts,
        attributes=attributes,
        register=about.register,
        state=about.proposal.state,
        day=about.proposal.added_at[:10],
    )
