"""Figures: readable without seeing them, safe under the strictest policy, and the same bytes for the same numbers."""

from __future__ import annotations

import importlib
import re
from xml.etree import ElementTree

import pytest

from tests.figures import drawn

NAMES = sorted(drawn.EVERY)
NAMESPACE = "{http://www.w3.org/2000/svg}"


def svgs(html: str) -> list[ElementTree.Element]:
    """The drawings of a figure, each well-formed XML."""
    return [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", html, flags=re.S)]  # noqa: S314 - our own


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_can_be_read_without_seeing_it(name: str) -> None:
    """Two drawings with distinct ids, each with role, title and description; and the numbers in a table with heads."""
    html = drawn.EVERY[name]
    two = svgs(html)
    assert [svg.get("class") for svg in two] == ["figure w360", "figure w640"]
    for svg in two:
        assert svg.get("role") == "img"
        labels = str(svg.get("aria-labelledby")).split()
        ids = {element.get("id"): element for element in svg.iter() if element.get("id")}
        assert all(ids[label].text for label in labels)
    every_id = re.findall(r'id="([^"]+)"', html)
    assert len(every_id) == len(set(every_id))
    assert html.count("<table") == 1
    assert 'scope="col"' in html
    assert 'scope="row"' in html
    assert "Show the numbers" in html
    assert "Source: made up" in html


@pytest.mark.parametrize("name", NAMES)
def test_figures_hold_under_a_policy_without_inline_style_or_script(name: str) -> None:
    """No script, no style attribute, no colour, no address: the page's classes and tokens do that; words are escaped."""
    html = drawn.EVERY[name].replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"<script|style=|#[0-9a-f]{6}|rgb\(|href=| on\w+=|fill=|stroke=", html)
    assert "site &lt;A&gt;" in html
    assert "35 &amp; misses" in html


@pytest.mark.parametrize("name", NAMES)
def test_everything_drawn_is_inside_its_frame(name: str) -> None:
    """No coordinate leaves the drawing, in either width, and no words are longer than the room that they have."""
    for svg in svgs(drawn.EVERY[name]):
        _, _, width, height = map(float, str(svg.get("viewBox")).split())
        for element in svg.iter():
            for key, most in (("x", width), ("x1", width), ("x2", width), ("cx", width), ("y", height), ("y1", height), ("y2", height), ("cy", height)):  # fmt: skip
                if element.get(key) is not None:
                    assert -0.5 <= float(str(element.get(key))) <= most + 0.5, (element.tag, element.attrib)
            if element.tag == f"{NAMESPACE}text" and element.text:
                _must_fit(element, width)
            for pair in (element.get("points") or "").split():
                x, y = map(float, pair.split(","))
                assert -0.5 <= x <= width + 0.5
                assert -0.5 <= y <= height + 0.5


def _must_fit(element: ElementTree.Element, width: float) -> None:
    # The widest font of the list has 8.1 units for a letter of 14 on average.
    size, x = 8.1 * len(str(element.text)), float(str(element.get("x")))
    start = {"start": x, "middle": x - size / 2, "end": x - size}[str(element.get("text-anchor"))]
    assert start >= -14, (element.text, start)
    assert start + size <= width + 14, (element.text, start + size)


@pytest.mark.parametrize("name", NAMES)
def test_same_numbers_same_bytes(name: str) -> None:
    """The digest of a report covers its figures."""
    before = drawn.EVERY[name]
    assert importlib.reload(drawn).EVERY[name] == before
