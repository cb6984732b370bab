"""UCUM as it is read: all of it, and in kinds."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.timeline.unit_grammar import read_unit
from services.timeline.units import conversion

# UCUM's own list of examples holds one unit that UCUM does not define, and one that printers in capitals make of ms.
NOT_READ = {"Torr", "Ms"}


def examples() -> list[str]:
    """The codes in UCUM's table of examples for electronic messaging (version 1.5), as the library carries it."""
    text = (files("ucumvert") / "vendor" / "ucum_examples.tsv").read_text(encoding="utf-8")
    return [row[1] for row in list(csv.reader(io.StringIO(text), delimiter="\t"))[1:]]


def test_every_example_of_ucum_is_read() -> None:
    """848 codes for electronic messaging, all but two."""
    codes = examples()
    assert len(codes) > 800
    assert {code for code in codes if read_unit(code) is None} == NOT_READ


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("mg/g", "%"),
        ("mmol/mol", "%"),
        ("mg/kg", "[ppm]"),
        ("mol/L", "eq/L"),
        ("mol/L", "osm/L"),
        ("mmol/L", "/L"),
        ("/[HPF]", "1"),
        ("[LPF]", "1"),
        ("[CFU]/mL", "/mL"),
        ("[arb'U]/mL", "[iU]/mL"),
        ("mL/min", "mL/min/{1.73_m2}"),
        ("U/L", "[USP'U]/L"),
        ("dB", "1"),
        ("Cel", "K"),
    ],
)
def test_what_ucum_counts_as_one_dimension_is_not_one_kind(one: str, other: str) -> None:
    """A fraction of mass is no percentage, a mole no number, an arbitrary unit no other one."""
    first, second = read_unit(one), read_unit(other)
    assert first is not None
    assert second is not None
    assert first.kind != second.kind


@pytest.mark.parametrize(
    ("from_unit", "to_unit", "factor"),
    [
        ("dyn.s/cm5", "Pa.s/m3", 1e5),
        ("mm[Hg].min/L", "dyn.s/cm5", 79.993432449),
        ("kcal/d", "J/s", 4184 / 86400),
        ("umol/min/L", "U/L", 1.0),
        ("nkat/L", "U/L", 0.06),
        ("cm3", "mL", 1.0),
        ("mg%", "mg/dL", 1.0),
        ("[stone_av]", "kg", 6.35029318),
        ("MBq", "mCi", 1 / 37),
        ("/min/m2", "/(min.m2)", 1.0),
        ("g/(8.h)", "g/d", 3.0),
        ("mo", "d", 30.4375),
    ],
)
def test_derived_units_convert_by_their_definitions(from_unit: str, to_unit: str, factor: float) -> None:
    """What the clinic calculates with, down to UCUM's base units."""
    found = conversion(token_or_codes="", from_unit=from_unit, to_unit=to_unit)
    assert found is not None
    assert found == (pytest.approx(factor, rel=1e-9), 0.0)


@pytest.mark.parametrize(
    "text",
    [
        "MU/L",  # in capitals, or mega
        "Mmol/L mg",
        "103/uL",
        "109/L",
        "10*999/L",
        "Ym9.Ym9.Ym9",
        "m99",
        "mg//dL",
        "(mg/dL",
        "mgdL",
        "-",
        "ng/ml FEU",
    ],
)
def test_what_has_two_readings_or_none_is_not_read(text: str) -> None:
    """A misprint, a mega that may be a milli, a number without bounds."""
    assert read_unit(text) is None


_ATOMS = st.sampled_from(["g", "mg", "L", "dL", "mol", "mmol", "min", "h", "m2", "{cells}", "10*3", "U", "%", "kPa"])


@given(st.lists(_ATOMS, min_size=1, max_size=3), st.lists(_ATOMS, max_size=3))
def test_a_unit_is_its_parts_in_any_order(above: list[str], below: list[str]) -> None:
    """Kinds have no order; a/b/c and a/(b.c) are one unit."""
    straight = read_unit("/".join([".".join(above), *below]))
    turned = read_unit(".".join(reversed(above)) + (f"/({'.'.join(reversed(below))})" if below else ""))
    assert straight is not None
    assert straight == turned


@given(st.text(alphabet="(){}[].,/*^%'_+-0123456789 gLmolUMHhdYkukatCel\u00b5", max_size=64))
def test_no_text_is_too_odd_to_be_refused(text: str) -> None:
    """What cannot be read is None, whatever its signs."""
    unit = read_unit(text)
    assert unit is None or unit.size > 0


def units_in(content: Any) -> Iterator[str]:
    """The unit of every Quantity, as it would be read."""
    if isinstance(content, dict):
        if (
            "value" in content
            and isinstance(content.get("value"), int | float)
            and ("unit" in content or "code" in content)
        ):
            yield str(content.get("code") or content["unit"])
        for inner in content.values():
            yield from units_in(inner)
    elif isinstance(content, list):
        for inner in content:
            yield from units_in(inner)


@pytest.mark.parametrize("archive", ["support2/support2-fhir.tar.xz", "synthea/bundles.tar.xz"])
def test_every_unit_in_data_of_others_is_read(shared: Path, archive: str) -> None:
    """SUPPORT2's NDJSON and Synthea's Bundles hold no unit that is not understood."""
    path = shared / "data" / archive
    if not path.is_file():
        pytest.skip(f"no {archive} beside the checkout")
    found: set[str] = set()
    with tarfile.open(path) as packed:
        for member in packed:
            if (file := packed.extractfile(member)) is None or not member.name.endswith((".ndjson", ".json")):
                continue
            if member.name.endswith(".json"):
                found.update(units_in(json.load(file)))
                continue
            found.update(unit for line in file if b'"value' in line for unit in units_in(json.loads(line)))
    assert len(found) >= 5
    assert {unit for unit in found if read_unit(unit) is None} == set()
