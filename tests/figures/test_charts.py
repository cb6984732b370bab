"""Figures: readable without seeing them, safe under the strictest policy, and the same bytes for the same numbers."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from services.figures.charts import Axis, Benefit, RiskGroup, calibration_chart, decision_curve

GROUPS = [
    RiskGroup(stated=i / 12, observed=i / 12, low=i / 12 - 0.03, high=i / 12 + 0.05, rows=900 - 40 * i, events=30 * i)
    for i in range(1, 10)
]
BENEFITS = [Benefit(threshold=t / 100, model=0.25 - t / 400, all=0.26 - t / (100 - t) * 0.74) for t in range(5, 61, 5)]


def svgs(html: str) -> list[ElementTree.Element]:
    """The drawings of a figure, each well-formed XML."""
    return [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", html, flags=re.S)]  # noqa: S314 - our own


def both() -> list[str]:
    """Both figures."""
    return [
        calibration_chart(GROUPS, outcome="death in hospital", source="made up"),
        decision_curve(BENEFITS, outcome="death in hospital", source="made up", agreed=(0.2, 0.4)),
    ]


@pytest.mark.parametrize("html", both(), ids=["calibration", "decision"])
def test_every_figure_can_be_read_without_seeing_it(html: str) -> None:
    """Two drawings with distinct ids, each with role, title and description; and the numbers in a table."""
    drawn = svgs(html)
    assert len(drawn) == 2
    for svg in drawn:
        assert svg.get("role") == "img"
        labels = str(svg.get("aria-labelledby")).split()
        ids = {element.get("id"): element for element in svg.iter() if element.get("id")}
        assert all(ids[label].text for label in labels)
    every_id = re.findall(r'id="([^"]+)"', html)
    assert len(every_id) == len(set(every_id))
    assert html.count("<table>") == 1
    assert "Show the numbers" in html


@pytest.mark.parametrize("html", both(), ids=["calibration", "decision"])
def test_figures_hold_under_a_policy_without_inline_style_or_script(html: str) -> None:
    """No script, no style attribute, no colour, no address: the page's classes and tokens do that."""
    assert not re.search(
        r"<script|style=|#[0-9a-f]{6}|rgb\(|href=|on\w+=", html.replace("http://www.w3.org/2000/svg", "")
    )


@pytest.mark.parametrize("html", both(), ids=["calibration", "decision"])
def test_everything_drawn_is_inside_its_frame(html: str) -> None:
    """No coordinate leaves the drawing, in either width."""
    for svg in svgs(html):
        _, _, width, height = map(float, str(svg.get("viewBox")).split())
        for element in svg.iter():
            for name, most in (("x", width), ("x1", width), ("x2", width), ("cx", width), ("y", height), ("y1", height),
                               ("y2", height), ("cy", height)):  # fmt: skip
                if element.get(name) is not None:
                    assert -0.1 <= float(str(element.get(name))) <= most + 0.1


def test_text_from_outside_is_escaped() -> None:
    """An outcome's name cannot become markup."""
    assert "<b>" not in calibration_chart(GROUPS, outcome="<b>death</b>", source="<b>x</b>")


def test_the_same_numbers_are_the_same_bytes() -> None:
    """The digest of a report covers its figures."""
    assert both() == both()


def test_the_caption_is_the_finding() -> None:
    """Groups whose interval leaves out what was stated are named; if none does, that is said."""
    assert "What is stated is what happens" in both()[0]
    wrong = [*GROUPS, RiskGroup(stated=0.9, observed=0.6, low=0.5, high=0.7, rows=100, events=60)]
    assert "More is stated than happens in 1 of 10 groups" in calibration_chart(wrong, outcome="x", source="y")
    assert "from 5 to 60 in 100" in both()[1]
    useless = [Benefit(threshold=t / 10, model=-0.1, all=-0.2) for t in range(1, 5)]
    assert "at no threshold" in decision_curve(useless, outcome="x", source="y")


def test_too_few_events_are_said_and_nothing_to_draw_is_nothing() -> None:
    """Below 100 events or non-events there is no curve; no groups, no figure."""
    few = [RiskGroup(stated=0.1, observed=0.1, low=0.0, high=0.3, rows=50, events=5)]
    assert "too few to draw a curve" in calibration_chart(few, outcome="x", source="y")
    assert calibration_chart([], outcome="x", source="y") == ""
    assert decision_curve(BENEFITS[:1], outcome="x", source="y") == ""


def test_an_axis_keeps_what_is_beyond_its_ends_at_its_ends() -> None:
    """Drawing never leaves the frame."""
    axis = Axis(low=0, high=10, start=50, end=150)
    assert [axis.at(v) for v in (-5, 0, 5, 10, 99)] == [50, 50, 100, 150, 150]
