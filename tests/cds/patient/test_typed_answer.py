"""The quick way to read an answer says the same as the patient one, or leaves the answer to it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from services.cds.patient.prefetch_shapes import read_answer
from services.cds.patient.typed_answer import read_typed
from services.timeline.events import EventBatch
from services.timeline.flatten import FLATTEN, flatten_json
from tests.cds.tea import bundle, haemoglobin, patient
from tests.timeline.every_resource import EVERY

RESOURCES = st.sampled_from([*EVERY.values(), patient(), {"resourceType": "Practitioner", "id": "x"}])
ODD = st.sampled_from([None, 3, "x", [], {}, {"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}])
MORE = st.fixed_dictionaries(
    {},
    optional={
        "total": st.sampled_from([0, 1, 700, None, "7"]),
        "link": st.sampled_from([[], None, [{"relation": "next", "url": "u"}], [{"relation": "self"}], [None], [{}]]),
        "type": st.sampled_from(["searchset", "collection", None]),
        "entry": st.sampled_from([None, [], [{}], [{"resource": None}], {}]),
    },
)


@st.composite
def answers(draw: st.DrawFn) -> Any:
    """A resource, a Bundle of some, or what is neither."""
    if draw(st.booleans()):
        return draw(RESOURCES | ODD)
    searchset = bundle(*draw(st.lists(RESOURCES, max_size=4)))
    for entry in searchset["entry"]:
        if draw(st.booleans()):
            entry["search"] = draw(st.sampled_from([{"mode": "match"}, {"mode": "outcome"}, {}, None, 1]))
    return searchset | draw(MORE)


@settings(max_examples=300, deadline=None)
@given(answers())
def test_what_is_read_at_once_is_what_is_read_part_by_part(value: Any) -> None:
    """The same events in the same order, and the same word on what may be missing."""
    raw = msgspec.Raw(json.dumps(value).encode())
    quick, patiently = read_typed(raw), read_answer(raw)
    if quick is None:
        return
    assert patiently.state != "failed"
    assert (quick.searched, quick.total, quick.more) == (patiently.searched, patiently.total, patiently.more)
    assert len(quick.resources) == len(patiently.resources)
    one, other = EventBatch(), EventBatch()
    for resource in quick.resources:
        FLATTEN[type(resource)](resource, one)
    for part in patiently.resources:
        flatten_json(part, other)
    assert (list(map(repr, one.cells)), one.skipped) == (list(map(repr, other.cells)), other.skipped)


def test_an_ordinary_answer_is_read_at_once() -> None:
    """Else the quick way would never be taken, and nobody would notice."""
    for value in (patient(), bundle(haemoglobin(9)), bundle(), *EVERY.values()):
        assert read_typed(msgspec.Raw(json.dumps(value).encode())) is not None
