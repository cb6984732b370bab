"""Reading many lines at once gives what reading them one by one gives, and names the same places."""

from __future__ import annotations

import json
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from services.learner.intake.reading import BLOCK, PLACES, Tally, _Reader
from services.learner.intake.sources import Chunk
from services.timeline.events import COLUMNS, EventBatch, EventColumns
from services.timeline.flatten import flatten_json

GOOD = (
    '{"resourceType":"Patient","id":"w","gender":"male"}\r',
    '{"resourceType":"Patient","id":"p","gender":"female","birthDate":"1950-01-01"}',
    '{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/p"},"recordedDate":"2024-02-30",'
    '"onsetDateTime":"2024-01-01","code":{"text":"cough"}}',
    ' {"resourceType":"Observation","id":"o","subject":{"reference":"Patient/p"},"status":"final","code":{"text":"x"}} ',
)
ODD = (
    '{"resourceType":"Patient","id":7,"birthDate":"1950-01-01"}',
    '{"resourceType":"Slot","id":"s"}',
    '{"resourceType":"Patient",',
    '"id":"r"}',
    '{"resourceType":"Patient","id":"a"}{"resourceType":"Patient","id":"b"}',
    "[]",
    "",
    "  \t",
    "\r",
)
lines = st.lists(st.sampled_from(GOOD + ODD), max_size=12)


def cells(columns: EventColumns) -> list[str]:
    """Every event as text, in order."""
    listed = [getattr(columns, name) for name in COLUMNS]
    return list(map(repr, zip(*(c.texts() if hasattr(c, "texts") else c.tolist() for c in listed), strict=True)))


def read(text: str, *, cut: int) -> tuple[list[str], Tally]:
    """The lines as chunks of so many lines."""
    listed = text.split("\n")
    reader = _Reader()
    for begin in range(0, len(listed), cut):
        data = "\n".join(listed[begin : begin + cut]).encode() + b"\n" * (begin + cut < len(listed))
        reader.read(Chunk(file="a", first_line=begin + 1, kind="lines", data=data))
    return cells(reader.batch.columns()), reader.tally()


@given(lines, st.integers(1, 12))
def test_lines_at_once_are_lines_one_by_one(said: list[str], cut: int) -> None:
    """The same events in the same order, the same counts, the same places, wherever chunks are cut."""
    batch = EventBatch()
    places: dict[str, list[str]] = {}
    types: Counter[str] = Counter()
    for number, line in enumerate(said, start=1):
        if not line.strip():
            continue
        before = batch.skipped + batch.losses
        flatten_json(line.encode(), batch)
        types[json.loads(line)["resourceType"] if line in GOOD or line == ODD[0] else ""] += 1
        for reason in (batch.skipped + batch.losses) - before:
            places.setdefault(reason, []).append(f"a:{number}")
    events, tally = read("\n".join(said), cut=cut)
    assert events == cells(batch.columns())
    assert (tally.skipped, tally.losses) == (dict(batch.skipped), dict(batch.losses))
    assert tally.places == {reason: found[:PLACES] for reason, found in places.items()}
    unread = types.pop("", 0)
    assert (tally.resources, tally.unread) == (dict(types), unread)


def test_a_fault_in_one_block_leaves_the_numbers_of_the_next_right() -> None:
    """Blocks are counted by their lines, whether they were sound or not."""
    filler = [GOOD[0]] * (BLOCK // len(GOOD[0]) + 1)
    said = [*filler, ODD[1], *filler, "", *filler, ODD[2]]
    _, tally = read("\n".join(said), cut=len(said))
    assert tally.resources == {"Patient": 3 * len(filler)}
    assert tally.places == {
        "Slot: not read": [f"a:{len(filler) + 1}"],
        "broken JSON": [f"a:{3 * len(filler) + 3}"],
    }
