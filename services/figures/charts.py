"""Figures for the evidence page, as SVG from Jinja2: no scripts, no colours baked in, the same bytes for the same numbers.

Every figure is drawn twice (narrow and wide; CSS shows one), has a title, a one-sentence description and its numbers
in a table. Colours come from the page's tokens by class, so dark, print and forced colours follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final

import jinja2

WIDTHS: Final = (360, 640)
FEWEST_FOR_A_CURVE: Final = 100
"""Events, and non-events, below which no smooth curve is drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskGroup:
    """Patients of like risk: what was stated on average, and what happened (shares, with the 95 % interval)."""

    stated: float
    observed: float
    low: float
    high: float
    rows: int
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Benefit:
    """Net benefit per patient at one threshold: of the model, and of treating everybody (nobody is 0)."""

    threshold: float
    model: float
    all: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A linear scale from data to drawing."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Where a value stands, in the drawing's units, to a tenth."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + min(max(share, 0.0), 1.0) * (self.end - self.start), 1)


def calibration_chart(
    groups: Sequence[RiskGroup],
    *,
    outcome: str,
    source: str,
    key: str = "calibration",
    curve: Sequence[tuple[float, float]] = (),
) -> str:
    """Stated against observed risk, both in patients per 100 on one scale, in groups of like risk with 95 % bars.

    `curve` is a smooth line through (stated, observed), where there are enough patients to draw one.
    """
    rows, events = sum(group.rows for group in groups), sum(group.events for group in groups)
    drawn = [group for group in groups if group.rows]
    if not drawn:
        return ""
    top = _round_up(100 * max(max(group.stated, group.high) for group in drawn))
    widest = max(group.rows for group in drawn)
    return _ENVIRONMENT.get_template("calibration").render(
        key=key,
        widths=WIDTHS,
        groups=drawn,
        axis=Axis,
        top=top,
        ticks=_ticks(0, top),
        widest=widest,
        outcome=outcome,
        source=source,
        rows=rows,
        events=events,
        message=_calibration_message(drawn),
        curve=[] if (few := min(events, rows - events) < FEWEST_FOR_A_CURVE) else curve,
        few=few,
    )


def decision_curve(
    benefits: Sequence[Benefit],
    *,
    outcome: str,
    source: str,
    key: str = "decision",
    agreed: tuple[float, float] | None = None,
) -> str:
    """Net benefit per 1,000 patients over the thresholds at which one might act: the model, everybody, nobody."""
    usable = [one for one in benefits if isfinite(one.model) and isfinite(one.all)]
    if len(usable) < 2:
        return ""
    high = _round_up(1000 * max(max(one.model, one.all, 0.0) for one in usable))
    low = -high / 4
    return _ENVIRONMENT.get_template("decision").render(
        key=key,
        widths=WIDTHS,
        benefits=usable,
        axis=Axis,
        low=low,
        high=high,
        left=usable[0].threshold,
        right=usable[-1].threshold,
        x_ticks=[t for t in _ticks(0, 100 * usable[-1].threshold) if t >= 100 * usable[0].threshold],
        y_ticks=_ticks(0, high),
        outcome=outcome,
        source=source,
        agreed=agreed,
        message=_benefit_message(usable),
    )


def _calibration_message(groups: Sequence[RiskGroup]) -> str:
    """The finding in one sentence, from the groups whose interval leaves the diagonal out."""
    above = [group for group in groups if group.stated > group.high]
    below = [group for group in groups if group.stated < group.low]
    if not above and not below:
        return "What is stated is what happens, within the error of counting, in every group"
    said = []
    if above:
        said.append(f"more is stated than happens in {len(above)} of {len(groups)} groups")
    if below:
        said.append(f"less is stated than happens in {len(below)} of {len(groups)} groups")
    text = "; ".join(said)
    return text[:1].upper() + text[1:]


def _benefit_message(benefits: Sequence[Benefit]) -> str:
    better = [one.threshold for one in benefits if one.model > max(one.all, 0.0) + 1e-12]
    if not better:
        return "Acting on the model is at no threshold better than acting on everybody or on nobody"
    return (
        f"Acting on the model is better than acting on everybody or on nobody from {round(100 * min(better))} "
        f"to {round(100 * max(better))} in 100"
    )


def _round_up(value: float) -> float:
    """The next round number: the end of an axis."""
    for step in (1, 2, 5, 10, 20, 25, 30, 40, 50, 60, 80, 100):
        if value <= step:
            return float(step)
    return float(-(-value // 50) * 50)


def _ticks(low: float, high: float) -> list[float]:
    """At most seven round places on an axis."""
    step = next(
        (step for step in (0.2, 0.5, 1, 2, 5, 10, 20, 50) if high - low <= 6 * step), _round_up((high - low) / 5)
    )
    return [low + step * i for i in range(int((high - low) / step + 1e-9) + 1)]


_MACROS: Final = """
{%- macro number(value) -%}{{ "%g" | format(value | round(2)) }}{%- endmacro -%}
{%- macro x_axis(x, ticks, y, scale, label, width) -%}
<line class="axis" x1="{{ x.start }}" y1="{{ y }}" x2="{{ x.end }}" y2="{{ y }}"/>
{%- for tick in ticks %}
<text class="tick" text-anchor="middle" x="{{ x.at(tick / scale) }}" y="{{ y + 17 }}">{{ number(tick) }}</text>
{%- endfor %}
<text class="label" text-anchor="middle" x="{{ (x.start + x.end) / 2 }}" y="{{ y + 35 }}">{{ label }}</text>
{%- endmacro -%}
{%- macro y_axis(y, ticks, x, right) -%}
{%- for tick in ticks %}
<line class="grid" x1="{{ x }}" y1="{{ y.at(tick) }}" x2="{{ right }}" y2="{{ y.at(tick) }}"/>
<text class="tick" text-anchor="end" x="{{ x - 6 }}" y="{{ y.at(tick) + 4 }}">{{ number(tick) }}</text>
{%- endfor -%}
{%- endmacro -%}
{%- macro opening(key, width, height, title, desc) -%}
<svg class="figure w{{ width }}" role="img" aria-labelledby="{{ key }}-{{ width }}-t {{ key }}-{{ width }}-d" viewBox="0 0 {{ width }} {{ height }}" xmlns="http://www.w3.org/2000/svg">
<title id="{{ key }}-{{ width }}-t">{{ title }}</title>
<desc id="{{ key }}-{{ width }}-d">{{ desc }}</desc>
{%- endmacro -%}
"""

_CALIBRATION: Final = """{% import "macros" as m %}
<figure class="chart" id="{{ key }}">
<figcaption><strong>{{ message }}.</strong> Stated against observed: {{ outcome }}, patients per 100; {{ source }}.</figcaption>
{% for width in widths %}
{% set side = width - 70 %}
{% set x = axis(low=0, high=top, start=52, end=52 + side) %}
{% set y = axis(low=0, high=top, start=14 + side, end=14) %}
{{ m.opening(key, width, side + 138, message, (groups | length) ~ " groups of like risk: each dot is what happened, over the mean stated risk, with its 95 % interval; on the diagonal both are equal.") }}
{{ m.y_axis(y, ticks, 52, 52 + side) }}
<line class="diagonal" x1="{{ x.at(0) }}" y1="{{ y.at(0) }}" x2="{{ x.at(top) }}" y2="{{ y.at(top) }}"/>
{% if curve %}<polyline class="line s1" points="{% for stated, observed in curve if 100 * stated <= top and 100 * observed <= top %}{{ x.at(100 * stated) }},{{ y.at(100 * observed) }} {% endfor %}"/>{% endif %}

{% for group in groups %}
<line class="bar s1" x1="{{ x.at(100 * group.stated) }}" y1="{{ y.at(100 * group.low) }}" x2="{{ x.at(100 * group.stated) }}" y2="{{ y.at(100 * group.high) }}"/>
<circle class="dot s1" cx="{{ x.at(100 * group.stated) }}" cy="{{ y.at(100 * group.observed) }}" r="4"/>
{% endfor %}
<text class="note" x="{{ x.at(top * 0.8) }}" y="{{ y.at(top * 0.72) }}">as stated</text>
{{ m.x_axis(x, ticks, 14 + side, 1, "stated, patients per 100", width) }}
<text class="note" x="52" y="{{ side + 74 }}">patients; filled: with the outcome</text>
{% set floor = side + 134 %}
{% for group in groups %}
{% set height = (50 * group.rows / widest) | round(1) %}
{% set part = (50 * group.events / widest) | round(1) %}
<rect class="count" x="{{ x.at(100 * group.stated) - 3 }}" y="{{ (floor - height) | round(1) }}" width="6" height="{{ height }}"/>
<rect class="count s2" x="{{ x.at(100 * group.stated) - 3 }}" y="{{ (floor - part) | round(1) }}" width="6" height="{{ part }}"/>
{% endfor %}
</svg>
{% endfor %}
{% if few %}<p class="note">Fewer than 100 with or without the outcome: too few to draw a curve.</p>{% endif %}
<details><summary>Show the numbers</summary>
<table><caption>{{ message }}</caption>
<thead><tr><th scope="col">Stated, per 100</th><th scope="col">Observed, per 100</th><th scope="col">95 % interval</th><th scope="col">Patients</th><th scope="col">With outcome</th></tr></thead>
<tbody>{% for group in groups %}
<tr><td>{{ "%.1f" | format(100 * group.stated) }}</td><td>{{ "%.1f" | format(100 * group.observed) }}</td><td>{{ "%.1f to %.1f" | format(100 * group.low, 100 * group.high) }}</td><td>{{ "{:,}".format(group.rows) }}</td><td>{{ "{:,}".format(group.events) }}</td></tr>{% endfor %}
</tbody></table></details>
</figure>
"""

_DECISION: Final = """{% import "macros" as m %}
<figure class="chart" id="{{ key }}">
<figcaption><strong>{{ message }}.</strong> Net benefit per 1,000 patients by the risk at which one acts: {{ outcome }}; {{ source }}.</figcaption>
{% for width in widths %}
{% set height = width * 0.62 %}
{% set x = axis(low=left, high=right, start=52, end=width - 18) %}
{% set y = axis(low=low, high=high, start=14 + height, end=14) %}
{{ m.opening(key, width, height + 60, message, "Lines over the threshold: the model, acting on everybody, and acting on nobody at zero.") }}
{% if agreed %}<rect class="agreed" x="{{ x.at(agreed[0]) }}" y="14" width="{{ (x.at(agreed[1]) - x.at(agreed[0])) | round(1) }}" height="{{ height | round(1) }}"/>{% endif %}
{{ m.y_axis(y, y_ticks, 52, width - 18) }}
<line class="none s3" x1="{{ x.start }}" y1="{{ y.at(0) }}" x2="{{ x.end }}" y2="{{ y.at(0) }}"/>
<polyline class="line s2" points="{% for one in benefits if 1000 * one.all >= low %}{{ x.at(one.threshold) }},{{ y.at(1000 * one.all) }} {% endfor %}"/>
<polyline class="line s1" points="{% for one in benefits %}{{ x.at(one.threshold) }},{{ y.at(1000 * one.model) }} {% endfor %}"/>
{% set middle = benefits[(benefits | length) // 2] %}
<text class="note" x="{{ x.at(middle.threshold) + 6 }}" y="{{ y.at(1000 * middle.model) - 8 }}">model</text>
{% set last = (benefits | selectattr("all", "ge", low / 1000) | list or benefits) | last %}
<text class="note" text-anchor="{{ "end" if x.at(last.threshold) > width - 100 else "start" }}" x="{{ x.at(last.threshold) + (-8 if x.at(last.threshold) > width - 100 else 8) }}" y="{{ y.at(1000 * last.all) - 2 }}">everybody</text>
<text class="note" text-anchor="end" x="{{ x.end }}" y="{{ y.at(0) + 16 }}">nobody</text>
{{ m.x_axis(x, x_ticks, 14 + height, 100, "threshold: risk at which one acts, per 100", width) }}
</svg>
{% endfor %}
<details><summary>Show the numbers</summary>
<table><caption>{{ message }}</caption>
<thead><tr><th scope="col">Threshold, per 100</th><th scope="col">Model</th><th scope="col">Everybody</th></tr></thead>
<tbody>{% for one in benefits %}
<tr><td>{{ "%.0f" | format(100 * one.threshold) }}</td><td>{{ "%.1f" | format(1000 * one.model) }}</td><td>{{ "%.1f" | format(1000 * one.all) }}</td></tr>{% endfor %}
</tbody></table></details>
</figure>
"""

_ENVIRONMENT: Final = jinja2.Environment(
    loader=jinja2.DictLoader({"macros": _MACROS, "calibration": _CALIBRATION, "decision": _DECISION}),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
