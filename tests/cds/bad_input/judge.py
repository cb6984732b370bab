"""What must hold of every answer, whatever was asked: its status, its form, what it says of the patient, what it leaves behind."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final

from services.cds.cards.lint import faults_of
from tests.cds.bad_input.seeds import MARK
from tests.cds.bad_input.service import Answer, Ask, Hammered
from tests.cds.tea import NOW

CALLED: Final = frozenset({200, 400, 404, 412, 413, 415})
"""What a mutated hook call may be answered with. 503 would say that we cannot compute: for no input is that so."""
DECIDED: Final = frozenset({200, 412, 503})
"""Answers that rest on a decision."""
_HAEMOGLOBIN: Final = "718-7"
_TODAY: Final = datetime.fromtimestamp(NOW / 1e6, UTC).date()


@dataclass
class Tally:
    """How many cases ran and how they ended."""

    statuses: Counter[int] = field(default_factory=Counter)
    cards: int = 0

    @property
    def cases(self) -> int:
        """In all."""
        return self.statuses.total()

    def __str__(self) -> str:
        """For whoever reads the test's output."""
        said = ", ".join(f"{status}: {count}" for status, count in sorted(self.statuses.items()))
        return f"{self.cases} cases ({said}), {self.cards} cards"


def ask_and_judge(
    cds: Hammered, asks: Sequence[Ask], tally: Tally, *, allowed: Collection[int] = CALLED, decides: bool = True
) -> list[Answer]:
    """Send them, and hold every answer to the rules. `decides`: those that are answered leave a decision each."""
    cds.said()
    before = cds.decisions()
    answers = cds.ask(asks)
    for ask, answer in zip(asks, answers, strict=True):
        tally.statuses[answer.status] += 1
        assert answer.status in allowed, (answer.status, answer.body[:500], cds.said(), ask)
        tally.cards += judged(cds, ask, answer)
    said = cds.said()
    assert MARK not in said
    assert "'fault'" not in said
    decided = sum(answer.status in DECIDED for answer in answers) if decides else 0
    assert cds.decisions() - before == decided, "a call that was answered and not kept, or kept and not answered"
    return answers


def judged(cds: Hammered, ask: Ask, answer: Answer) -> int:
    """How many cards an answer holds that is as it must be."""
    if answer.status >= 400:
        judge_error(answer, ask)
        return 0
    if answer.status != 200 or ask.method != "POST" or ask.path.endswith("/feedback"):
        return 0
    content = answer.json()
    assert faults_of(content) == []
    for card in content["cards"]:
        judge_card(cds, ask, card)
    return len(content["cards"])


def judge_error(answer: Answer, ask: Ask) -> None:
    """An OperationOutcome with a place, and nothing of what was sent."""
    content = answer.json()
    assert content["resourceType"] == "OperationOutcome"
    (issue,) = content["issue"]
    assert issue["severity"] == "error"
    assert issue["diagnostics"]
    if answer.status == 400:
        assert issue["details"]["text"].startswith("In ")
    assert MARK.encode() not in answer.body
    assert MARK not in repr(answer.headers)
    assert len(answer.body) < 4000, "an error that repeats what was sent"


def judge_card(cds: Hammered, ask: Ask, card: Any) -> None:
    """All that a card rests on stands in the call: every source, and for `tea-time` the very values."""
    kept = cds.running.log.reader.by_id(card["uuid"])
    assert kept is not None
    decision = kept.decision
    assert decision.status == "shown"
    said = list(resources(loosely(ask.body)))
    for name, source in decision.sources.items():
        if decision.states[name] == "value":
            assert any(is_(one, source) for one in said), f"{name} rests on {source}, which was not sent"
    if decision.guidance != "tea-time":
        return
    births = [one.get("birthDate") for one in said if is_(one, f"Patient/{decision.patient}")]
    age = decision.features["age"]
    assert age is not None
    assert any(abs(age - years) <= 1 for birth in births for years in years_since(birth)), (age, births)
    haemoglobin = decision.features["hb"]
    if decision.states["hb"] != "value":
        assert "Bring iron" not in [one["label"] for one in card["suggestions"]]
        assert "Not known: haemoglobin" in card["detail"]
        return
    results = [one for one in said if is_(one, decision.sources["hb"]) and _HAEMOGLOBIN in json.dumps(one.get("code"))]
    assert any(_value(one) == haemoglobin for one in results), (haemoglobin, results)
    assert not all(one.get("status") in {"entered-in-error", "cancelled"} for one in results)


def loosely(body: bytes) -> Any:
    """The JSON of a body that was taken, read by another parser than ours; the last of two equal keys counts."""
    return json.loads(body.decode("utf-8", "surrogateescape"), parse_int=_whole)


def _whole(digits: str) -> float:
    """A number of thousands of digits is no number of a patient, and Python refuses to read it."""
    return int(digits) if len(digits) < 1000 else float("inf")


def resources(value: Any) -> Iterator[dict[str, Any]]:
    """Every resource, wherever it stands."""
    if isinstance(value, dict):
        if isinstance(value.get("resourceType"), str):
            yield value
        value = list(value.values())
    for inner in value if isinstance(value, list) else ():
        yield from resources(inner)


def is_(resource: dict[str, Any], reference: str) -> bool:
    """Whether it is what the reference names; the empty one names what has no id."""
    name = resource.get("id")
    name = name[0] if isinstance(name, list) and len(name) == 1 else name
    return f"{resource['resourceType']}/{name}" == reference if reference else not name or isinstance(name, list | dict)


def years_since(birth: Any) -> list[float]:
    """Years since a date, which may lack its day, be a number or stand in an array; none for what is no date."""
    if isinstance(birth, list):
        return [years for one in birth for years in years_since(one)]
    digits = str(birth).strip()[:10].replace("-", "")
    try:
        year, month, day = int(digits[:4]), int(digits[4:6] or 7), int(digits[6:8] or 1)
        return [(_TODAY - date(year, month, day)).days / 365.25]
    except ValueError:
        return []


def _value(result: dict[str, Any]) -> float | None:
    """The number that a result says, also as text or in an array of one (`timeline.repair`)."""
    found: Any = result.get("valueQuantity")
    while isinstance(found, dict | list) and found:
        found = found.get("value") if isinstance(found, dict) else found[0]
    try:
        return float(found)
    except (TypeError, ValueError):
        return None
