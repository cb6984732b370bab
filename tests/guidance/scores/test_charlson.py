"""Claims about `guidance.scores.charlson`."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.guidance.scores import charlson
from services.guidance.scores.catalogue import FORMULAS
from tests.guidance.scores.one_patient import compute

INDICES = ("charlson-1987", "charlson-quan-2011", "charlson-lace")


def flags(*present: str) -> dict[str, float]:
    """The 17 comorbidity groups, those named present."""
    return {group: float(group in present) for group in charlson.GROUPS}


@pytest.mark.parametrize(
    ("present", "original", "quan", "lace"),
    [
        ((), 0, 0, 0),
        (("dementia", "rheumd", "chf", "cpd"), 4, 2 + 1 + 2 + 1, 3 + 3 + 2 + 2),
        (("mi", "pvd", "cevd", "diab"), 4, 0, 4),
        (("pud", "hp"), 3, 2, 0),
        (("rend",), 2, 1, 2),
        (("aids",), 6, 4, 4),
        (("mld", "msld"), 3, 4, 4),
        (("mld",), 1, 2, 2),
        (("diab", "diabwc"), 2, 1, 2),
        (("canc", "metacanc"), 6, 6, 6),
        (("canc",), 2, 2, 2),
        (charlson.GROUPS, 29, 24, 31),
    ],
)
def test_the_indices_with_their_hierarchy(present: tuple[str, ...], original: float, quan: float, lace: float) -> None:
    """The severer grade of a disease hides the milder; LACE has weights of its own, not those of 1987."""
    assert [compute(index, **flags(*present)) for index in INDICES] == [original, quan, lace]


@pytest.mark.parametrize(
    ("group", "weight"),
    [
        # BMC Cardiovasc Disord 2014;14:97, Table 1, group by group; renal disease and peptic ulcer as decided.
        ("mi", 1), ("chf", 2), ("pvd", 1), ("cevd", 1), ("dementia", 3), ("cpd", 2), ("rheumd", 3), ("pud", 0), ("mld", 2),
        ("diab", 1), ("diabwc", 2), ("hp", 0), ("rend", 2), ("canc", 2), ("msld", 4), ("metacanc", 6), ("aids", 4),
    ],
)  # fmt: skip
def test_the_weights_of_lace_one_by_one(group: str, weight: float) -> None:
    """Dementia and connective tissue disease 3, heart failure and COPD 2: not Charlson's of 1987."""
    assert compute("charlson-lace", **flags(group)) == weight


@pytest.mark.parametrize("index", INDICES)
def test_the_greatest_index_is_what_the_range_says(index: str) -> None:
    """Everything at once, each hidden grade left out."""
    assert FORMULAS[index].range == (0.0, compute(index, **flags(*charlson.GROUPS)))


@given(st.sampled_from(INDICES), st.sets(st.sampled_from(charlson.GROUPS)), st.sampled_from(charlson.GROUPS))
def test_one_more_disease_never_takes_a_point(index: str, present: set[str], more: str) -> None:
    """A severe grade counts at least what the milder did."""
    assert compute(index, **flags(*present)) <= compute(index, **flags(*present, more))


@given(st.sampled_from(INDICES), st.sampled_from(charlson.GROUPS))
def test_a_group_that_is_unknown_withholds_the_index(index: str, group: str) -> None:
    """Not asked is not absent."""
    assert math.isnan(compute(index, **flags() | {group: math.nan}))


def test_the_weights_are_those_collected_for_the_committee(shared: Path) -> None:
    """All three columns, and the hierarchy."""
    published = json.loads((shared / "clinical" / "formulas.json").read_bytes())
    groups = published["charlson"]["groups"]
    assert {name: group["weight_1987"] for name, group in groups.items()} == charlson.WEIGHTS_1987
    assert {name: group["weight_quan_2011"] for name, group in groups.items()} == charlson.WEIGHTS_QUAN_2011
    assert published["lace"]["lace_charlson_weights"] == charlson.WEIGHTS_LACE
    assert [tuple(pair) for pair in published["charlson"]["hierarchy"]] == list(charlson.HIERARCHY)
