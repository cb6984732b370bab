"""What changes nothing in what is said of the patient changes no card; what destroys a fact never leaves a card that knows it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any, Final

import pytest
from hypothesis import strategies as st

from tests.cds.bad_input.judge import Tally, ask_and_judge, resources
from tests.cds.bad_input.mutations import written
from tests.cds.bad_input.profiles import cases_of, each_batch
from tests.cds.bad_input.seeds import MARK, TEA, Seed, cards_of_ours, tea_call
from tests.cds.bad_input.service import Ask, Hammered
from tests.cds.tea import bundle

Change = Callable[[random.Random, Any], Any]
CALLS: Final = f"/cds-services/{TEA}"


# --- what changes nothing ---


def _more_fields(chance: random.Random, document: Any) -> Any:
    """Fields that nobody knows, anywhere but among the keys of the prefetch."""
    for holder in list(_objects(document)):
        if holder is not document["prefetch"] and chance.random() < 0.2:
            holder[f"x{MARK}"] = chance.choice(
                [None, 1, "y", [], {}, {"resourceType": "Patient", "birthDate": "2020-01-01"}]
            )
    return document


def _shuffled(chance: random.Random, document: Any) -> Any:
    """The entries of every answer in another order, if the order says nothing: no page is cut."""
    for answer in document["prefetch"].values():
        if isinstance(answer, dict) and answer.get("entry"):
            chance.shuffle(answer["entry"])
    return document


def _twice(chance: random.Random, document: Any) -> Any:
    """An entry of an answer, again."""
    for answer in document["prefetch"].values():
        if isinstance(answer, dict) and answer.get("entry") and len(answer["entry"]) < 20:
            answer["entry"].append(deepcopy(chance.choice(answer["entry"])))
            answer.pop("total", None)
    return document


def _keys_in_another_order(chance: random.Random, document: Any) -> Any:
    """JSON objects have no order."""
    if isinstance(document, dict):
        keys = list(document)
        chance.shuffle(keys)
        return {key: _keys_in_another_order(chance, document[key]) for key in keys}
    return [_keys_in_another_order(chance, one) for one in document] if isinstance(document, list) else document


def _strangers(chance: random.Random, document: Any) -> Any:
    """What is said of somebody else, among what is said of the patient."""
    for answer in document["prefetch"].values():
        if isinstance(answer, dict) and answer.get("entry") and len(answer["entry"]) < 20:
            one = deepcopy(chance.choice(answer["entry"]))
            one["resource"]["id"] = f"{one['resource']['id']}-of-another"
            if "subject" not in one["resource"]:
                continue
            one["resource"]["subject"] = {"reference": "Patient/somebody-else"}
            answer["entry"].append(one)
            answer.pop("total", None)
    return document


def _more_keys(chance: random.Random, document: Any) -> Any:
    """Prefetch under keys that were not asked for."""
    document["prefetch"][f"more-{chance.random()}"] = chance.choice(
        [None, [], {"resourceType": "Patient", "id": "p9"}, "x"]
    )
    return document


NOTHING: Final[tuple[Change, ...]] = (_more_fields, _shuffled, _twice, _keys_in_another_order, _strangers, _more_keys)


def _spelled(chance: random.Random, document: Any) -> bytes:
    """The same JSON in other bytes."""
    kind = chance.randrange(4)
    if kind == 0:
        return json.dumps(document, indent=chance.choice([None, 0, 3, "\t"]), separators=(" ,\r\n", "\n:  ")).encode()
    if kind == 1:
        return b" \n\t" + json.dumps(document, ensure_ascii=True).encode() + b"\r\n "
    if kind == 2:  # every letter of every text escaped
        return b"".join(_escaped(part) for part in _parts(json.dumps(document)))
    return json.dumps(document, ensure_ascii=False).encode()


def _parts(text: str) -> Iterator[str]:
    """The text, cut where strings begin and end; these examples hold no escaped quote."""
    assert '\\"' not in text
    inside = False
    for part in text.split('"'):
        yield f'"{part}"' if inside else part
        inside = not inside


def _escaped(part: str) -> bytes:
    if not part.startswith('"') or "\\" in part:
        return part.encode()
    return ('"' + "".join(f"\\u{ord(one):04x}" if ord(one) < 0x10000 else one for one in part[1:-1]) + '"').encode()


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    for inner in value if isinstance(value, list) else ():
        yield from _objects(inner)


def _said(card: dict[str, Any]) -> str:
    """A card without the ids that each call has of its own."""
    one = {key: value for key, value in card.items() if key != "uuid"}
    one["suggestions"] = [
        {key: value for key, value in suggestion.items() if key != "uuid"} for suggestion in card.get("suggestions", ())
    ]
    return json.dumps(one, sort_keys=True)


def _with_a_card(cds: Hammered) -> Iterator[tuple[Seed, str]]:
    for seed in cards_of_ours(cds):
        (answer,) = cds.ask([Ask(path=seed.path, body=written(seed.document))])
        for card in answer.json()["cards"]:
            yield seed, _said(card)


@cases_of(400, 8000)
def test_what_says_nothing_of_the_patient_changes_no_card(cds: Hammered, cases: int) -> None:
    """Unknown fields, other orders, repeats, strangers, other spellings of the same JSON: word for word the same card."""
    good, tally = list(_with_a_card(cds)), Tally()
    assert len(good) >= 8
    change = st.tuples(
        st.integers(0, len(good) - 1), st.lists(st.sampled_from(NOTHING), max_size=4), st.randoms(use_true_random=False)
    )

    def ask(drawn: list[tuple[int, list[Change], random.Random]]) -> None:
        asks = []
        for number, changes, chance in drawn:
            document = json.loads(json.dumps(good[number][0].document))
            for one in changes:
                document = one(chance, document)
            asks.append(Ask(path=good[number][0].path, body=_spelled(chance, document)))
        answers = ask_and_judge(cds, asks, tally, allowed={200})
        for (number, changes, _), answer in zip(drawn, answers, strict=True):
            seed, card = good[number]
            cards = answer.json()["cards"]
            assert [_said(one) for one in cards] == [card], (seed.name, [one.__name__ for one in changes])

    each_batch(change, cases, ask)
    print(tally)  # noqa: T201
    assert tally.cards == tally.cases >= cases


# --- what destroys a fact ---

NO_BIRTH: Final = (
    None, "", "yesterday", "2026-02-30", "1940-13-01", "05/01/1940", [], {}, True,
    {"value": "1940-05-01"}, "1940-05-01T", "9" * 400, "\u0000", "１９４０-05-01x", "1940-5-1",
)  # fmt: skip


def _born(cds: Hammered, birth: Any) -> dict[str, Any]:
    document = tea_call(cds.keys(TEA))
    for one in resources(document["prefetch"]):
        if one["resourceType"] == "Patient":
            one["birthDate"] = birth
    return document


@pytest.mark.parametrize(
    ("birth", "age"),
    [("1940", 86), (1940, 86), ("1940-05", 85), (19400501, 85), (["1940-05-01"], 85), (" 1940-05-01 ", 85)],
    ids=repr,
)
def test_a_date_of_birth_in_another_shape_is_that_date(cds: Hammered, birth: Any, age: int) -> None:
    """A year alone, a number, an array of one: `timeline.repair` reads what can only mean one thing."""
    (answer,) = ask_and_judge(cds, [Ask(path=CALLS, body=written(_born(cds, birth)))], Tally())
    assert answer.status == 200
    assert f"age {age}" in answer.json()["cards"][0]["detail"]


@pytest.mark.parametrize("birth", NO_BIRTH, ids=repr)
def test_without_a_date_of_birth_there_is_no_card(cds: Hammered, birth: Any) -> None:
    """The age is required: what is no date is 412, and no age is made of it."""
    document = _born(cds, birth)
    (answer,) = ask_and_judge(cds, [Ask(path=CALLS, body=written(document))], Tally())
    assert answer.status == 412
    assert "age" in answer.json()["issue"][0]["diagnostics"]


@pytest.mark.parametrize(
    "answered",
    [
        None, [], {}, "", 7, {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "processing"}]},
        {"resourceType": "Bundle", "entry": []}, {"resourceType": "Patient"}, {"resourceType": "Patient", "id": "p9"},
        {"resourceType": "Patient", "id": "somebody-else", "birthDate": "1940-05-01"},
        {"resourceType": "Practitioner", "id": f"{MARK}-p1", "birthDate": "1940-05-01"},
        {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Patient", "id": "x", "birthDate": "1940-05-01"}}]},
        "<html></html>",
    ],
    ids=repr,
)  # fmt: skip
def test_without_the_patient_there_is_no_card(cds: Hammered, answered: Any) -> None:
    """Nothing, a failure, another person, another type: whoever is in the prefetch, it must be who the call is about."""
    document = tea_call(cds.keys(TEA), Patient=answered)
    (answer,) = ask_and_judge(cds, [Ask(path=CALLS, body=written(document))], Tally())
    assert answer.status == 412


def _left_out(document: Any) -> None:
    for key in [key for key in document["prefetch"] if key.startswith("observations")]:
        del document["prefetch"][key]


def _each_result(change: Callable[[dict[str, Any]], object]) -> Callable[[Any], None]:
    def of(document: Any) -> None:
        for one in list(resources(document["prefetch"])):
            if one["resourceType"] == "Observation":
                change(one)

    return of


def _answered(value: Any) -> Callable[[Any], None]:
    def of(document: Any) -> None:
        document["prefetch"] |= {key: value for key in document["prefetch"] if key.startswith("observations")}

    return of


_FAILED: Final = {"resourceType": "OperationOutcome", "issue": [{"severity": "fatal", "code": "exception"}]}
NO_RESULT: Final[dict[str, Callable[[Any], None]]] = {
    "left out": _left_out,
    "null": _answered(None),
    "an empty searchset": _answered(bundle()),
    "failed": _answered(_FAILED),
    "an entry failed": _answered(bundle(_FAILED)),
    "a page of HTML": _answered("<html>Bad gateway</html>"),
    "entered in error": _each_result(lambda one: one.update(status="entered-in-error")),
    "cancelled": _each_result(lambda one: one.update(status="cancelled")),
    "of another": _each_result(lambda one: one.update(subject={"reference": "Patient/somebody-else"})),
    "of nobody": _each_result(lambda one: one.pop("subject")),
    "without a date": _each_result(lambda one: one.pop("effectiveDateTime")),
    "of tomorrow": _each_result(lambda one: one.update(effectiveDateTime="2026-03-02")),
    "of no day": _each_result(lambda one: one.update(effectiveDateTime="2026-02-30")),
    "a text for a number": _each_result(lambda one: one["valueQuantity"].update(value="eight")),
    "too large for any blood": _each_result(lambda one: one["valueQuantity"].update(value=85)),
    "beyond all numbers": _each_result(lambda one: one["valueQuantity"].update(value=1e308)),
    "negative": _each_result(lambda one: one["valueQuantity"].update(value=-8.5)),
    "of no unit": _each_result(lambda one: [one["valueQuantity"].pop(key) for key in ("unit", "code")]),
    "of another unit": _each_result(lambda one: one["valueQuantity"].update(unit="mmHg", code="mm[Hg]")),
    "another test": _each_result(lambda one: one["code"]["coding"][0].update(code="2345-7")),
    "of another system": _each_result(lambda one: one["code"]["coding"][0].update(system="http://snomed.info/sct")),
    "coded with a number": _each_result(lambda one: one["code"]["coding"][0].update(code=718)),
    "another type": _each_result(lambda one: one.update(resourceType="MedicationRequest")),
}


@pytest.mark.parametrize("how", NO_RESULT)
def test_without_a_result_the_card_says_that_it_is_not_known(cds: Hammered, how: str) -> None:
    """However the haemoglobin was lost, the card goes by the age alone and says so; the iron is not proposed."""
    document = json.loads(json.dumps(tea_call(cds.keys(TEA))))
    NO_RESULT[how](document)
    (answer,) = ask_and_judge(cds, [Ask(path=CALLS, body=written(document))], Tally())
    assert answer.status == 200, answer.body
    (card,) = answer.json()["cards"]
    assert "Not known: haemoglobin" in card["detail"]
    assert "8.5" not in card["detail"]
    assert [one["label"] for one in card["suggestions"]] == ["Bring tea"]
