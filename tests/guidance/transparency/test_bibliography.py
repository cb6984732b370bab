"""Tests of services.guidance.transparency.bibliography: BibTeX that says what the citation says, and no more."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from services.guidance.transparency.bibliography import bibtex


def test_identifiers_that_stand_in_a_citation_are_fields() -> None:
    """A DOI, a PMID, a PMC number and a year; authors and titles stay in the note, word for word."""
    found = bibtex(
        ["Wilson FP et al. BMJ 2021;372:m4786. doi:10.1136/bmj.m4786: alerts, no benefit", "NINJA list. PMC7170726"]
    )
    assert found == (
        "@misc{wilson2021,\n"
        "  note = {Wilson FP et al. BMJ 2021;372:m4786. doi:10.1136/bmj.m4786: alerts, no benefit},\n"
        "  year = {2021},\n"
        "  doi = {10.1136/bmj.m4786}\n"
        "}\n"
        "\n"
        "@misc{ninja,\n"
        "  note = {NINJA list. PMC7170726},\n"
        "  pmcid = {PMC7170726}\n"
        "}\n"
    )


def test_two_of_one_author_and_year_have_keys_of_their_own() -> None:
    """No entry overwrites another."""
    keys = re.findall(r"@misc\{(\w+),", bibtex(["Quan H 2011. One.", "Quan H 2011. Two."]))
    assert keys == ["quan2011", "quan2011x"]


@given(st.lists(st.text(min_size=1, max_size=60), max_size=4))
def test_whatever_is_cited_braces_are_balanced(citations: list[str]) -> None:
    """No text leaves its field."""
    found = bibtex(citations)
    plain = re.sub(r"\\[{}]", "", found)
    depth = 0
    for char in plain:
        depth += {"{": 1, "}": -1}.get(char, 0)
        assert depth >= 0
    assert depth == 0
    assert found.count("@misc{") >= len(citations)
