"""Claims about `guidance.reading.feeds`."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from services.guidance.reading.feeds import EventWish, Feeding
from services.timeline.codes import CodeSet


def wish(**changes: object) -> EventWish:
    """A feature that takes every observation."""
    usual: dict[str, object] = {
        "fields": ("Observation.code",), "codes": None, "answers": None, "unit": None, "levels": {}, "distinct": None,
    }  # fmt: skip
    return EventWish(**(usual | changes))  # type: ignore[arg-type]


def signature(code: str, *, unit: str = "", answer: str = "") -> tuple[str, str, str, str]:
    """An observation."""
    return ("Observation.code", f"http://loinc.org|{code}", unit, answer)


def test_an_event_feeds_every_feature_that_wants_it_each_in_its_own_unit() -> None:
    """One result may be read in g/dL by one feature and in g/L by another, and not at all by a third."""
    codes = CodeSet.of(["http://loinc.org|718-7"])
    feeding = Feeding(
        [wish(codes=codes, unit="g/dL"), wish(codes=codes, unit="g/L"), wish(codes=CodeSet.of(["x|y"])), wish(unit="s")]
    )
    ((first, second, third),), table = feeding.of([signature("718-7", unit="g/dL")])
    assert table.feature[[first, second, third]].tolist() == [0, 1, 3]
    assert 12.0 * table.factor[second] + table.offset[second] == 120.0
    assert not table.convertible[third]


def test_the_memory_starts_afresh_instead_of_growing_with_history() -> None:
    """However many ways of coding a hospital invents, what is kept stays bounded, and the answers right."""
    feeding = Feeding([wish(distinct="code")], remembered=100)
    for batch in range(50):
        codes = [f"{batch}-{number}" for number in range(40)]
        feeds, table = feeding.of([signature(code) for code in codes])
        assert len({int(table.group[one]) for (one,) in feeds}) == len(codes)
        assert len(feeding) <= 140


def test_threads_may_share_it() -> None:
    """Whoever sees a feed finds its row, while others teach it new ways of coding."""
    feeding = Feeding([wish(levels={"a|b": 2.0}), wish(distinct="code")], remembered=300)

    def ask(seed: int) -> bool:
        random = np.random.default_rng(seed)
        for _ in range(200):
            asked = [signature(str(code), answer="a|b") for code in random.integers(0, 500, 30)]
            feeds, table = feeding.of(asked)
            if any(table.level[one] != 2.0 or not math.isnan(table.level[other]) for one, other in feeds):
                return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, range(8)))


def test_the_memory_is_bounded_by_its_text_too() -> None:
    """A client may write a unit or a list of codes as long as a body: however many it sends, they are not kept."""
    feeding = Feeding([wish(unit="g/dL")])
    for number in range(300):
        ((feed,),), table = feeding.of([signature("718-7", unit=f"{number}" + "x" * 100_000)])
        assert not table.convertible[feed]
    assert len(feeding) < 150
