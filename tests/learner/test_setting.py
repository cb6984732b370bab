"""services/learner/setting.py: what the record says of each row besides its features."""

from __future__ import annotations

import numpy as np

from services.learner.setting import NOT_SAID, Setting
from services.timeline.events import EventBatch
from services.timeline.instants import ALWAYS, HOUR, NAT
from services.timeline.timeline import assemble, index_rows
from tests.learner.test_cohort import T0, stay

HOURS = np.array([1, 5, 30])


def say(batch: EventBatch, field: str, answer: str, *, patient: str = "p", resource: str = "", at: int = T0) -> None:
    """One statement."""
    batch.add(patient=patient, field=field, answer=answer, resource=resource or f"X/{field}", time=at, known=ALWAYS)


def told() -> Setting:
    """Patient p in a stay of three moments, and q of whom nothing is said."""
    batch = EventBatch()
    stay(batch, "a", 0, 48)
    say(batch, "Patient.race", "x|2028-9")
    say(batch, "Encounter.location", "Location/first", resource="Encounter/a", at=T0)
    say(batch, "Encounter.location", "Location/second", resource="Encounter/a", at=T0 + 4 * HOUR)
    batch.add(
        patient="p", field="Coverage.type", codes="y|PUBLICPOL", answer="y|PUBLICPOL", resource="Coverage/1",
        time=T0 - HOUR, end=T0 + 10 * HOUR, known=ALWAYS,
    )  # fmt: skip
    say(batch, "Patient.gender", "g|male", patient="q")
    timeline = assemble(batch.columns())
    at = np.append(T0 + HOURS * HOUR, T0)
    rows = index_rows(timeline, ["p", "p", "p", "q"], at, ["a", "a", "a", ""])
    return Setting.of_rows(timeline, rows)


def words(setting: Setting, name: str) -> list[str | None]:
    """What is said of each row."""
    one = setting.told[name]
    return [one.words[place] if place != NOT_SAID else None for place in one.of.tolist()]


def test_a_ward_is_the_one_at_the_moment_and_insurance_ends() -> None:
    """An hour after admission the first ward, then the second; the insurance of ten hours is over after thirty."""
    found = told()
    assert words(found, "ward") == ["Location/first", "Location/second", "Location/second", None]
    assert words(found, "payer") == ["y|PUBLICPOL", "y|PUBLICPOL", None, None]
    assert words(found, "race") == ["x|2028-9", "x|2028-9", "x|2028-9", None]
    assert words(found, "sex") == [None, None, None, "g|male"]


def test_parts_join_in_one_order_and_what_nobody_says_is_gone() -> None:
    """The words of all buckets, sorted; a name without any word is missing."""
    one, other = told(), told()
    joined = Setting.joined([one, other])
    assert "language" not in joined.told
    assert words(joined, "ward") == 2 * words(one, "ward")
    assert words(joined.where(np.arange(8) == 1), "ward") == ["Location/second"]
    assert NAT not in joined.told["ward"].of
