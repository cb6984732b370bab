"""A site's codes, with what they mean."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.timeline.codes import INGREDIENT, CodeSet, ingredients_of
from services.timeline.concept_maps import read_concept_maps
from services.timeline.events import EventBatch, EventColumns
from services.timeline.ingredients import read_ingredients
from services.timeline.terminology import NOTHING, Terminology, mapped
from services.timeline.timeline import assemble
from tests.timeline.made import ICD, LOINC, RXNORM, SNOMED, batch_of, concept, observation, resource
from tests.timeline.strategies import batch_from, event_rows
from tests.timeline.test_concept_maps import LOCAL, concept_map, element

SITE = Terminology(
    translations=read_concept_maps({
        "labs": concept_map(element("CREA", {"code": "2160-0", "equivalence": "equal"})),
        "drugs": concept_map(element("D1", {"code": "200", "equivalence": "equivalent"}), target=RXNORM),
        "answers": concept_map(element("smokes", {"code": "77176002", "equivalence": "equal"}), target=SNOMED),
        "odd": concept_map(element("a b,c", {"code": "718-7", "equivalence": "equal"})),
        "who": concept_map(element("E11.9", {"code": "44054006", "equivalence": "wider"}), source=ICD, target=SNOMED),
    }),
    ingredients=read_ingredients("product,ingredient\n200,1\n200,2\n300,1\n", place="t"),
)  # fmt: skip


def columns_of(events: EventBatch | EventColumns) -> EventColumns:
    """As columns."""
    return events.columns() if isinstance(events, EventBatch) else events


def test_a_local_code_gains_what_it_means_and_keeps_itself() -> None:
    """A guidance that asks for LOINC finds the laboratory's own code; a coded answer is a code, too."""
    batch = batch_of(
        observation(code=concept((LOCAL, "CREA"))),
        observation("2", valueQuantity=None, valueCodeableConcept=concept((LOCAL, "smokes"))),
    )
    found = columns_of(mapped(batch, SITE))
    assert found.codes.texts()[0].split("\n") == [f"{LOINC}|2160-0", f"{LOCAL}|CREA"]
    assert found.answer.texts()[1].split("\n") == [SNOMED + "|77176002", f"{LOCAL}|smokes"]
    assert CodeSet.of([f"{LOINC}|2160-0"]).matches(found.codes.texts()[0])


def test_a_product_gains_its_ingredients_told_apart_from_the_product() -> None:
    """Value sets of ingredients match, and two products of one ingredient count as one medicine."""
    combined, plain, local = (SITE.named(code) for code in (f"{RXNORM}|200", f"{RXNORM}|300", f"{LOCAL}|D1"))
    assert CodeSet.of([f"{RXNORM}|2"]).matches(combined)
    assert ingredients_of(plain) == (f"{INGREDIENT}|1",)
    assert ingredients_of(combined) == ingredients_of(local) == (f"{INGREDIENT}|1", f"{INGREDIENT}|2")
    assert ingredients_of(combined, CodeSet.of([f"{RXNORM}|2"])) == (f"{INGREDIENT}|2",)
    assert ingredients_of(SITE.named(f"{RXNORM}|1")) == (f"{INGREDIENT}|1",)


def test_a_medicine_without_known_ingredients_counts_as_itself() -> None:
    """A table that lacks a product loses no medicine."""
    assert ingredients_of(f"{RXNORM}|900\nurn:x|b") == (f"{RXNORM}|900",)
    assert ingredients_of("urn:x|a\nurn:x|b") == ("urn:x|a\nurn:x|b",)
    assert ingredients_of("") == ()


def test_an_icd_code_is_found_with_or_without_its_dot() -> None:
    """Feeds write E119 and E11.9."""
    for code in ("E11.9", "E119", "e119"):
        assert SNOMED + "|44054006" in SITE.named(f"{ICD}|{code}")


def test_a_medicine_that_is_a_resource_of_its_own_is_mapped_before_it_is_linked() -> None:
    """The request points to a Medication, and gets the ingredients of its code."""
    batch = batch_of(
        resource("Medication", "m", subject=None, code=concept((RXNORM, "200"))),
        resource(
            "MedicationRequest", "r", status="active", intent="order", authoredOn="2024-03-01",
            medicationReference={"reference": "Medication/m"},
        ),
    )  # fmt: skip
    timeline = assemble(mapped(batch, SITE))
    asked = timeline.field == timeline.fields.index("MedicationRequest.medication")
    (codes,) = (timeline.code_words[place] for place in timeline.codes[asked])
    assert len(ingredients_of(codes)) == 2


def test_a_search_names_the_local_codes_too() -> None:
    """A server that codes locally finds nothing under LOINC, and that nothing must not read as absent."""
    assert SITE.asked_as([f"{LOINC}|2160-0"]) == {f"{LOINC}|2160-0", f"{LOCAL}|CREA"}
    assert SITE.asked_as([f"{LOINC}|718-7"]) == {f"{LOINC}|718-7", f"{LOCAL}|a%20b%5C%2Cc"}
    assert SITE.asked_as([SNOMED + "|44054006"]) == {SNOMED + "|44054006", f"{ICD}|E11.9"}
    assert NOTHING.asked_as(["a|b"]) == {"a|b"}


def test_a_site_without_maps_changes_nothing() -> None:
    """Not even a copy is made."""
    batch = batch_of(observation())
    assert mapped(batch, NOTHING) is batch
    assert NOTHING.digest == ""


def test_the_digest_tells_two_terminologies_apart() -> None:
    """Ingest and bedside each say theirs."""
    other = Terminology(ingredients=SITE.ingredients)
    again = Terminology(translations=SITE.translations, ingredients=dict(SITE.ingredients))
    assert len({SITE.digest, other.digest, NOTHING.digest}) == 3
    assert again.digest == SITE.digest


COLLIDING = Terminology(
    translations=read_concept_maps({
        "m": concept_map(element("1", {"code": "2", "equivalence": "equal"}), source="a", target="b"),
        "n": concept_map(element("y", {"code": "z", "equivalence": "equal"}), source="x", target="x"),
    })
)  # fmt: skip


@given(event_rows(), st.sampled_from([COLLIDING, SITE, NOTHING]))
def test_history_and_bedside_map_alike(rows: list[tuple[object, ...]], terminology: Terminology) -> None:
    """Rows of a batch and words of columns give the same events, and nothing but codes and answers is touched."""
    batch = batch_from(rows)
    bedside, history = mapped(batch, terminology).columns(), mapped(batch.columns(), terminology)
    before = batch.columns()
    for name in ("patient", "field", "codes", "unit", "answer", "resource", "encounter"):
        assert getattr(bedside, name).texts() == getattr(history, name).texts()
        if name not in ("codes", "answer"):
            assert getattr(history, name).texts() == getattr(before, name).texts()
    for name in ("time", "end", "known", "updated", "assumed", "value"):
        np.testing.assert_array_equal(getattr(bedside, name), getattr(history, name))
    for column in (history.codes, history.answer):
        assert len(set(column.words)) == len(column.words)
    for old, new in zip(before.codes.texts(), history.codes.texts(), strict=True):
        assert set(filter(None, old.split("\n"))) <= set(new.split("\n"))


@given(event_rows())
def test_mapping_twice_changes_nothing_more(rows: list[tuple[object, ...]]) -> None:
    """Data that were mapped at ingest may be mapped again."""
    once = mapped(batch_from(rows).columns(), COLLIDING)
    assert mapped(once, COLLIDING).codes.texts() == once.codes.texts()
