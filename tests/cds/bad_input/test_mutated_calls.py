"""Hook calls, spoiled in every way that was thought of: each is answered as it must be, and none with a wrong card."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st

from tests.cds.bad_input.judge import Tally, ask_and_judge
from tests.cds.bad_input.mutations import Documents, spoiled, written
from tests.cds.bad_input.profiles import cases_of, each_batch
from tests.cds.bad_input.seeds import cards_of_ours, examples
from tests.cds.bad_input.service import Ask, Hammered


def test_every_example_and_every_call_of_ours_is_taken_as_it_is(cds: Hammered, shared: Path) -> None:
    """Unspoiled: what others wrote is answered, and every guidance of ours has something to say of its own call."""
    tally = Tally()
    asks = [Ask(path=seed.path, body=written(seed.document)) for seed in examples(cds, shared)]
    ask_and_judge(cds, asks, tally)
    ours = cards_of_ours(cds)
    answers = ask_and_judge(cds, [Ask(path=seed.path, body=written(seed.document)) for seed in ours], tally)
    for seed, answer in zip(ours, answers, strict=True):
        assert answer.status == 200, (seed.name, answer.body)
    print(tally)  # noqa: T201
    assert tally.cards >= 8


@cases_of(1500, 40_000)
def test_no_spoiled_call_is_a_fault_a_leak_or_a_wrong_card(cds: Hammered, shared: Path, cases: int) -> None:
    """Never a 500, a hang, a card that rests on nothing, an error that tells of the patient, or a call not kept."""
    # Ours more often: they begin at a card, where there is something to get wrong.
    good, tally = [*examples(cds, shared), *cards_of_ours(cds) * 12], Tally()
    spoil = st.tuples(spoiled(Documents([seed.document for seed in good])), st.sampled_from([1 << 20, 1, 7, 4096]))

    def ask(drawn: list[tuple[tuple[int, bytes], int]]) -> None:
        asks = [
            Ask(path=good[number].path, body=body, chunk=chunk if len(body) < 20_000 else 1 << 20)
            for (number, body), chunk in drawn
        ]
        ask_and_judge(cds, asks, tally)

    each_batch(spoil, cases, ask)
    print(tally)  # noqa: T201
    assert tally.cases >= cases
    assert tally.cards > cases // 10, "most calls were spoiled beyond use: nothing was tried"
