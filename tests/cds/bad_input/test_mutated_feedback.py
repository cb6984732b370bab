"""Feedback, spoiled: what can be read is kept once, the rest is 400 with its place, and nothing of it is told again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from hypothesis import strategies as st

from tests.cds.bad_input.judge import Tally, ask_and_judge
from tests.cds.bad_input.mutations import Documents, spoiled, written
from tests.cds.bad_input.profiles import cases_of, each_batch
from tests.cds.bad_input.seeds import MARK
from tests.cds.bad_input.service import Ask, Hammered

PATH: Final = "/cds-services/tea-time/feedback"
EPIC: Final[dict[str, Any]] = {
    "feedback": [
        {"card": "c-1", "outcome": "overridden", "outcomeTimestamp": "2026-03-01T12:00:00Z",
         "overrideReasons": {"reason": {"code": "x"}, "userComment": MARK}},
        {"card": "c-2", "outcome": "accepted", "acceptedSuggestions": [{"id": "s-1"}], "outcomeTimestamp": "2026-03-01"},
    ]
}  # fmt: skip


def good(shared: Path) -> list[Any]:
    """The examples of the specification, with a patient's words in them, and one of Epic's kind."""
    found = [EPIC]
    for path in sorted((shared / "data" / "cds-hooks").glob("*.json")):
        content = json.loads(path.read_bytes())
        if isinstance(content, dict) and "feedback" in content:
            for one in content["feedback"]:
                one["overrideReason"] = {"reason": {"code": "a", "system": "b"}, "userComment": MARK}
            found.append(content)
    assert len(found) >= 4
    return found


@cases_of(240, 6000)
def test_no_spoiled_feedback_is_a_fault_or_a_leak(cds: Hammered, shared: Path, cases: int) -> None:
    """200 or 400 with the place; no decision comes of it, and what is answered 200 is in the log."""
    documents, tally = Documents(good(shared)), Tally()

    def ask(drawn: list[tuple[int, bytes]]) -> None:
        asks = [Ask(path=PATH, body=body) for _, body in drawn]
        answers = ask_and_judge(cds, asks, tally, allowed={200, 400}, decides=False)
        for one, answer in zip(asks, answers, strict=True):
            if answer.status == 200:
                assert answer.json() == {}
                assert isinstance(json.loads(one.body.decode("utf-8", "surrogateescape"))["feedback"], list)

    each_batch(spoiled(documents), cases, ask)
    print(tally)  # noqa: T201
    assert tally.cases >= cases
    assert tally.statuses[200] > cases // 10
    assert cds.feedback() > 0


@cases_of(40, 400)
def test_feedback_is_kept_once_however_it_is_spelled(cds: Hammered, cases: int) -> None:
    """Other spaces, other orders of keys, again and again: one entry each."""
    entry = st.fixed_dictionaries(
        {"card": st.uuids().map(str), "outcome": st.sampled_from(["accepted", "overridden"])},
        optional={"extension": st.dictionaries(st.text(max_size=5), st.integers(-9, 9), max_size=3)},
    )

    def ask(drawn: list[dict[str, Any]]) -> None:
        new = {json.dumps(one, sort_keys=True) for one in drawn}
        before, tally = cds.feedback(), Tally()
        bodies = [
            written({"feedback": drawn}),
            json.dumps({"feedback": [dict(reversed(one.items())) for one in drawn]}).encode(),
        ]
        for body in (*bodies, json.dumps({"feedback": drawn}, indent=3).encode()):
            ask_and_judge(cds, [Ask(path=PATH, body=body)], tally, allowed={200}, decides=False)
        kept = cds.feedback() - before
        assert kept <= len(new)
        assert kept == len(new - seen)
        seen.update(new)

    seen: set[str] = set()
    each_batch(entry, cases, ask)
