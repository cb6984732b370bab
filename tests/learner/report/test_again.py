"""services/learner/report/again.py: whoever types the command of a report gets the same report."""

from __future__ import annotations

import shlex

import pytest
from typer.main import get_command

from services.learner.commands import app
from services.learner.report.again import Asked, import_again, train_again
from services.learner.train_options import TrainOptions
from services.timeline.instants import parse_instant


def test_every_option_that_was_used_is_in_the_command() -> None:
    """Period, end of the data, whose records, and what it was held against; dates as they were typed."""
    options = TrainOptions(since="2024-01-01", until="2025-06-30T12:00:00Z", data_end="2025-12-31")
    since, until, data_end = options.moments()
    asked = Asked(
        folds=3, seed=7, data="synthetic", since=since, until=until, data_end=data_end, against=f"sha256:{'b' * 64}"
    )
    command = train_again("readmission-30d", asked)
    assert command == (
        "knowdo learner train readmission-30d --folds 3 --seed 7 --from 2024-01-01 --until 2025-06-30T12:00:00Z "
        f"--data-until 2025-12-31 --data synthetic --against sha256:{'b' * 64}"
    )


def test_what_was_not_asked_for_is_not_in_it() -> None:
    """The defaults that the result does not depend on are left out."""
    assert train_again("readmission-30d", Asked(folds=5, seed=0)) == (
        "knowdo learner train readmission-30d --folds 5 --seed 0"
    )


def test_an_imported_model_is_brought_in_again() -> None:
    """With where its training ended, for it was judged on later rows only."""
    asked = Asked(folds=5, seed=1, since=parse_instant("2024-01-01"))
    assert import_again("readmission-30d", asked, trained_until="2025-01-01") == (
        "knowdo learner import MODEL --guidance readmission-30d --trained-until 2025-01-01 --seed 1 --from 2024-01-01"
    )


@pytest.mark.parametrize("name", ["train", "import"])
def test_the_command_line_knows_every_option_of_it(name: str) -> None:
    """Parsed by the real command, nothing is left over."""
    asked = Asked(folds=3, seed=7, since=parse_instant("2024-01-01"), until=parse_instant("2025-01-01"), data_end=0)
    words = shlex.split(
        train_again("readmission-30d", asked)
        if name == "train"
        else import_again("readmission-30d", asked, trained_until="2024-06-01")
    )
    command = get_command(app).commands[name]  # type: ignore[attr-defined]
    parsed = command.make_context(name, words[3:]).params
    assert (parsed["seed"], parsed["since"], parsed["until"], parsed["data_until"]) == (
        7,
        "2024-01-01",
        "2025-01-01",
        "1970-01-01",
    )
