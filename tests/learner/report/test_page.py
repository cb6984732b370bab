"""The page: nine questions in order, nothing that runs, made-up patients named everywhere, and no empty chart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest

from services.guidance.definition import PRIMARY, Guidance
from services.guidance.evidence import Evaluation
from services.guidance.words.evidence_wording import DataKind
from services.learner.cohort import FlowStep
from services.learner.learn import Found
from services.learner.models.tuning import Search, Tried
from services.learner.report.again import Asked
from services.learner.report.page import evidence_report
from tests.learner.report import samples

QUESTIONS = (
    "1. What are we asked, and what does the evidence say?",
    "2. What is it for, and when must it not be used?",
    "3. What happens to 100 patients?",
    "4. Can the stated risks be believed?",
    "5. Does acting on it do more good than harm?",
    "6. For whom is it worse or unknown?",
    "7. What is different from what runs now?",
    "8. What could go wrong, how would we see it, and who stops it?",
    "9. What do we not know?",
    "Annex, for the statistician",
)


class Page:
    """Makes pages of the made-up ward."""

    def __init__(self, guidance: Guidance, evaluation: Evaluation, found: Found, steps: Sequence[FlowStep]) -> None:
        self._guidance, self._evaluation, self._found, self._steps = guidance, evaluation, found, steps

    def of(self, found: Found | None = None, *, data: DataKind = "patients", full: bool = False) -> str:
        """With all figures, or with what the ward gives."""
        one, evaluation = found or self._found, self._evaluation
        if full:
            assert one.looks is not None
            evaluation = msgspec.structs.replace(evaluation, validations=samples.validations())
            one = replace(one, looks=samples.filled(one.looks))
        return evidence_report(
            guidance=self._guidance, evaluation=evaluation, found={PRIMARY: one}, flow=self._steps, store="sha256:b",
            asked=Asked(folds=3, seed=0, data=data),
        )  # fmt: skip


@pytest.fixture(scope="module")
def page(guidance: Guidance, evaluation: Evaluation, found: Found, steps: list[FlowStep]) -> Page:
    """The maker."""
    return Page(guidance, evaluation, found, steps)


def test_the_questions_stand_in_their_order(page: Page) -> None:
    """Nine, then the annex; each once."""
    headings = re.findall(r"<h2[^>]*>(.*?)</h2>", page.of(full=True))
    assert len(headings) == len(QUESTIONS)
    assert all(heading.startswith(question) for heading, question in zip(headings, QUESTIONS, strict=True))


def test_page_one_alone_suffices_and_ranks_nothing(page: Page) -> None:
    """Digest, base rate beside right per 100, the verdicts, reasons both ways; and no AUROC."""
    html = page.of(full=True)
    first = html[: html.index("2. What is it for, and when must it not be used?</h2>")]
    assert "sha256:" + "a" * 64 in first
    for words in (
        "Without any guidance",
        "patients flagged",
        "Reasons for",
        "Reasons against",
        "Paid by",
        "cannot tell",
    ):
        assert words in first
    assert "AUROC" not in first
    assert "ranks" not in first


def test_the_page_runs_and_fetches_nothing(page: Page) -> None:
    """No script, no style of an element, no address but those of names."""
    html = page.of(full=True).replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"<script|<link|<img|style=|src=|@import|url\(| on\w+=", html)
    assert all(target.startswith("#") for target in re.findall(r'href="([^"]*)"', html))


def test_every_figure_is_drawn_where_there_are_numbers(page: Page) -> None:
    """All twelve and those of the annex, each twice."""
    html = page.of(full=True)
    keys = (
        "tree", "hundred", "calibration", "spread", "decision", "work-curve", "groups", "changed", "flow", "months",
        "ranking", "missing", "lead", "shapes", "stability", "elsewhere-tests",
    )  # fmt: skip
    for key in keys:
        assert f'<figure class="chart" id="{key}">' in html, key
        assert f'aria-labelledby="{key}-360-t {key}-360-d"' in html
        assert f'aria-labelledby="{key}-640-t {key}-640-d"' in html


def test_what_is_absent_is_said_and_never_drawn_empty(page: Page, found: Found) -> None:
    """Without numbers the page says why; without looks it says the sentence of the evidence."""
    assert found.looks is not None
    bare = replace(
        found.looks, spread=None, yields=None, ranking=None, over_time=None, missing_inputs=(), lead_time=None,
        instability=None, old_and_new=(), not_compared=(), policied=None, rivals=(),
    )  # fmt: skip
    html = page.of(replace(found, looks=bare))
    for key in ("spread", "work-curve", "ranking", "months", "missing", "lead", "stability", "changed"):
        assert f'<figure class="chart absent" id="{key}">' in html, key
    assert "not drawn" in html
    assert '<figure class="chart" id="decision">' in html


@pytest.mark.parametrize(
    ("data", "header", "sentence"),
    [
        ("synthetic", "MADE-UP PATIENTS, not for patient care", "(made-up patients)"),
        ("benchmark", "BENCHMARK DATA, not of this site", "(benchmark data, not this site)"),
    ],
)
def test_what_is_no_patients_is_said_in_sentence_and_header(
    page: Page, data: DataKind, header: str, sentence: str
) -> None:
    """In the header of every printed page, and in the same sentence as the number."""
    html = page.of(data=data, full=True)
    running = re.search(r'<div class="running".*?</div>', html, flags=re.S)
    assert running is not None
    assert header in running[0]
    for said in re.findall(r"<li>((?:Without any guidance|Of [\d,]+ patients).*?)</li>", html):
        assert sentence in said
    for measure in re.findall(r'<span class="measure">(.*?)</span>', html):
        assert sentence in measure
    assert header not in page.of(full=True)


def test_what_was_searched_stands_in_the_annex(page: Page, found: Found) -> None:
    """Every setting with its inner loss, which was taken and how often, and what the budget cut off; or that nothing was."""
    assert "Nothing was searched: each kind was fitted with the one setting that it declares." in page.of()
    tried = (
        Tried(setting={}, log_loss=0.41236, over_parts=0.012),
        Tried(setting={"min_leaf": 100}, log_loss=0.40112, over_parts=0.011),
    )
    searched = Search(
        tried=tried, chosen=1, not_tried=({"leaves": 3, "ridge": 10.0},), ended_by="seconds", chosen_in_folds=(1, 0, 1),
        folds_cut_by_the_clock=2,
    )  # fmt: skip
    html = page.of(replace(found, tuning={"scorecard_additive": searched}))
    annex = html[html.index('id="tuning"') :]
    assert "the rows of a test had no say" in annex
    assert re.search(
        r"scorecard additive \(taken\)</th><td[^>]*>min leaf 100</td><td[^>]*>0.4011 \(0.0110\)</td><td[^>]*>2 of 3",
        annex,
    )
    assert "as declared" in annex
    assert "Of scorecard additive the declared time cut off (leaves 3, ridge 10)" in annex
    assert "ended the search in 2 of 3 training parts" in annex


def test_the_same_evidence_gives_the_same_bytes(page: Page) -> None:
    """The page is part of the pack, and the pack has a digest."""
    assert page.of(full=True) == page.of(full=True)
