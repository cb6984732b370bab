"""One prefetch value, in every shape that was met or feared."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cds.patient.prefetch_shapes import Answered, read_answer

PATIENT = {"resourceType": "Patient", "id": "1"}
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}
REMARK = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning"}]}


def read(value: Any) -> Answered:
    """The shape of a value."""
    return read_answer(msgspec.Raw(json.dumps(value).encode()))


def bundle(*resources: Any, **more: Any) -> dict[str, Any]:
    """A searchset."""
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources], **more}


@pytest.mark.parametrize(
    ("value", "state", "count", "searched"),
    [
        (None, "nothing", 0, True),
        (bundle(), "nothing", 0, True),
        ({"resourceType": "Bundle"}, "nothing", 0, True),
        (PATIENT, "answered", 1, False),
        (bundle(PATIENT, PATIENT), "answered", 2, True),
        (bundle(PATIENT) | {"type": "collection"}, "answered", 1, True),
        ({"entry": [{"resource": PATIENT}]}, "answered", 1, True),
        ([PATIENT, {"resource": PATIENT}, bundle(PATIENT)], "answered", 3, True),
        ([], "nothing", 0, True),
        ({"response": {"status": "200 OK"}, "resource": bundle(PATIENT)}, "answered", 1, True),
        ({"response": {"status": "200"}, "resource": PATIENT}, "answered", 1, False),
        (bundle(REMARK), "nothing", 0, True),
        (bundle(PATIENT, REMARK), "answered", 1, True),
        (bundle(PATIENT, total="2"), "answered", 1, True),
        (PATIENT | {"link": [{"other": {"reference": "x"}, "type": "seealso"}], "total": "x"}, "answered", 1, False),
    ],
)
def test_shapes_that_are_answers(value: Any, state: str, count: int, searched: bool) -> None:
    """Asked, and this is what is there; a single resource does not say that others are absent."""
    answered = read(value)
    assert (answered.state, len(answered.resources), answered.searched) == (state, count, searched)
    assert not answered.more


@pytest.mark.parametrize(
    "value",
    [
        OUTCOME,
        REMARK,
        bundle(PATIENT, OUTCOME),
        bundle(PATIENT, OUTCOME | {"issue": [{"severity": ["information"]}]}),
        bundle(PATIENT, OUTCOME | {"issue": [{"severity": {"a": 1}}]}),
        {"response": {"status": "404"}, "resource": bundle()},
        {"response": {"status": "500 Server Error"}, "resource": PATIENT},
        [OUTCOME],
        "<html>Please log in</html>",
        7,
        True,
        {},
        {"a": 1},
        {"resourceType": "Bundle", "entry": "x"},
        {"resourceType": 7},
        {"resource": {"resource": {"resource": {"resource": {"resource": PATIENT}}}}},
    ],
)
def test_shapes_that_are_failures(value: Any) -> None:
    """Nobody can say what is there: never "nothing"."""
    assert read(value).state == "failed"


@pytest.mark.parametrize(
    "value",
    [
        bundle(PATIENT, link=[{"relation": "self"}, {"relation": "next", "url": "x"}]),
        bundle(PATIENT, link="odd"),
        bundle(PATIENT, link=[7]),
        bundle(PATIENT) | {"entry": [{"resource": PATIENT}, 7]},
    ],
)
def test_what_is_hidden_is_said_to_be_more(value: Any) -> None:
    """A next page, or a part that cannot be read: the rest counts, absence is not claimed."""
    answered = read(value)
    assert (answered.state, answered.more) == ("answered", True)


def test_total_tells_that_a_page_is_not_all() -> None:
    """The server's count is kept."""
    assert read(bundle(PATIENT, total=70)).total == 70


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda part: (
        st.lists(part, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "resourceType",
                    "entry",
                    "resource",
                    "link",
                    "relation",
                    "total",
                    "search",
                    "mode",
                    "response",
                    "issue",
                    "severity",
                ]
            ),
            part | st.sampled_from(["Bundle", "Patient", "OperationOutcome", "next", "outcome"]),
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(anything)
def test_no_shape_raises_and_none_that_holds_nothing_is_answered(value: Any) -> None:
    """Hostile shapes end in one of three words."""
    answered = read(value)
    assert answered.state in {"nothing", "failed", "answered"}
    assert (answered.state == "answered") == bool(answered.resources)


def test_bytes_that_are_not_json_fail() -> None:
    """Whatever a `Raw` holds."""
    deep = b'{"entry":' * 2000 + b"1" + b"}" * 2000
    for raw in (b"{", b"[1,", b"\xff", b"", b"[" * 5000, deep, b'{"resourceType":"\xff"}'):
        assert read_answer(msgspec.Raw(raw)).state == "failed", raw[:20]
