"""Tests of services.guidance.transparency.attributes: the table is that of the rule."""

from __future__ import annotations

from services.guidance.definition import About
from services.guidance.transparency.attributes import ASKED_OF_AUTHORS, BY_KEY, EVIDENCE_BASED, PREDICTIVE
from services.guidance.transparency.computed import compute
from services.guidance.transparency.disclosure import Attributes
from services.guidance.transparency.readings import Facts
from tests.guidance.transparency.made_up import facts

STARRED = [
    "(6)(i)", "(6)(ii)", "(6)(iii)", "(6)(iv)", "(7)(iii)", "(7)(iv)", "(7)(v)", "(8)(ii)", "(8)(iv)", "(9)(i)", "(9)(ii)",
]  # fmt: skip


def test_there_are_31_and_13_and_eleven_may_be_unavailable() -> None:
    """45 CFR 170.315(b)(11)(iv)(B) and (A), and (v)(A)(2)."""
    assert (len(PREDICTIVE), len(EVIDENCE_BASED), len(BY_KEY)) == (31, 13, 44)
    assert [one.paragraph for one in PREDICTIVE if one.may_be_unavailable] == STARRED
    assert not any(one.may_be_unavailable for one in EVIDENCE_BASED)


def test_about_half_are_computed_and_each_of_these_has_its_way() -> None:
    """No attribute that says it is computed is without a computation."""
    computed = [one for one in BY_KEY.values() if one.filled != "author"]
    assert sum(one.filled != "author" for one in PREDICTIVE) == 19
    for one in computed:
        found = compute(Facts(guidance=facts().guidance, release="sha256:" + "0" * 64), one.key)
        assert found.text or found.why_not


def test_authors_are_asked_what_about_does_not_say_and_nothing_twice() -> None:
    """transparency.yaml has exactly the places that neither `about` nor a computation fills."""
    assert tuple(Attributes.model_fields) == tuple(one.key for one in ASKED_OF_AUTHORS)
    assert {one.about for one in BY_KEY.values() if one.about} <= set(About.model_fields)
