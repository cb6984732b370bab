"""A policy of one's own asks for more than `standard`, in any of its parts, and never for less."""

from __future__ import annotations

import pytest

from services.guidance.lifecycle import ENTRY, NEVER_VOTE, STATES
from services.guidance.policies import POLICIES, TIERS, read_policy
from services.timeline.errors import BadInput

OWN = b"""
name: our-hospital
said: As our board decided in 2026.
quorum:
  moderate: {pilot: [patient-representative]}
  high: {general: [operations]}
floors: {training_rows: 2000, riley_share: 1.5}
approval_days: 60
review_days: {low: 365}
"""


def test_an_organisation_may_ask_for_more() -> None:
    """More roles by risk tier and state, larger samples, shorter terms; what it leaves out is as in `standard`."""
    own, standard = read_policy(OWN, place="policy.yaml"), POLICIES["standard"]
    assert own.name == "our-hospital"
    assert own.further_roles("moderate", "pilot") == {"patient-representative"}
    assert own.further_roles("low", "pilot") == frozenset()
    assert own.further_roles("high", "general") == standard.further_roles("high", "general") | {"operations"}
    assert (own.floors.training_rows, own.floors.riley_share) == (2000, 1.5)
    assert own.floors.training_events == standard.floors.training_events
    assert (own.approval_days, own.proposal_days) == (60, standard.proposal_days)
    assert (own.review_days["low"], own.review_days["high"]) == (365, standard.review_days["high"])


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (b"name: demo\nsaid: x", "comes with Knowdo"),
        (b"name: own\nsaid: x\nfloors: {training_rows: 10}", "less than 1000"),
        (b"name: own\nsaid: x\nfloors: {rows: 10000}", "no such floor"),
        (b"name: own\nsaid: x\napproval_days: 9999", "more than the 180"),
        (b"name: own\nsaid: x\nreview_days: {high: 365}", "more than the 180"),
        (b"name: own\nsaid: x\nquorum: {high: {pilot: [administrator]}}", "never votes"),
        (b"name: own\nsaid: x\nquorum: {high: {suspended: [operations]}}", "nobody votes on suspended"),
        (b"name: own\nsaid: x\nquorum: {high: {pilot: [boss]}}", "cannot be read"),
        (b"name: own\nsaid: x\nskip: [groups]", "cannot be read"),
        (b"{", "cannot be read"),
    ],
)
def test_it_may_not_ask_for_less(written: bytes, said: str) -> None:
    """A smaller sample, a longer term, a role that never votes, an unknown key: each is refused with its place."""
    with pytest.raises(BadInput, match=said) as caught:
        read_policy(written, place="policy.yaml")
    assert "policy.yaml" in caught.value.place


def test_no_policy_takes_a_role_of_the_floor_away() -> None:
    """Whatever a policy holds is added to the table; a stop stays one person's."""
    for policy in (*POLICIES.values(), read_policy(OWN, place="policy.yaml")):
        for tier in TIERS:
            for state in STATES:
                further = policy.further_roles(tier, state)
                assert not further & NEVER_VOTE.keys()
                assert not further or ENTRY[state].roles


def test_a_guidance_may_narrow_the_limits_of_calibration_and_never_widen_them() -> None:
    """The gate asks for the narrower of both ends, so that report and gate say the same."""
    policy = POLICIES["standard"]
    assert policy.narrowed((0.9, 1.1)) == (0.9, 1.1)
    assert policy.narrowed((0.1, 9.0)) == policy.observed_expected


def test_fewer_votes_for_an_update_may_be_more_or_none_at_all() -> None:
    """An organisation adds people, or takes the reduced quorum away; it never asks for less."""
    own = read_policy(b"{name: ours, said: x, reduced_roles: [privacy-security]}", place="ours.yaml").reduced
    assert own is not None
    assert own.roles == {"clinical-reviewer", "privacy-security"}
    assert own.one_of == {"data-science-reviewer", "equity-reviewer"}
    assert read_policy(b"{name: ours, said: x, reduced_quorum: false}", place="ours.yaml").reduced is None
    with pytest.raises(BadInput, match="auditor never votes"):
        read_policy(b"{name: ours, said: x, reduced_roles: [auditor]}", place="ours.yaml")
