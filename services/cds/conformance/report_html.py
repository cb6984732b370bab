"""The report as one page: every item with its verdict, every check with request and response. No script, no address to load."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any, Final

import jinja2
from markupsafe import Markup, escape

from services.cds.conformance.report import VERDICTS, Item, Report, Result
from services.cds.conformance.wording import MARKS, WORDS, sentence

_TICKS: Final = re.compile(r"`([^`]+)`")


def report_page(report: Report) -> str:
    """The whole page, which stands alone."""
    exchanges = {exchange.number: exchange for exchange in report.exchanges}
    return _TEMPLATES.get_template("report.html.j2").render(
        report=report,
        verdicts=VERDICTS,
        sections=_sections(report),
        exchanges=exchanges,
        cited=sorted({number for result in report.results for number in result.exchanges}),
        sentence=sentence(report),
        marks=MARKS,
        words=WORDS,
        style_digest=STYLE_DIGEST,
    )


def _sections(report: Report) -> dict[str, list[tuple[Item, list[Result]]]]:
    """Section → its items with their results, worst first. A check stands at the first of its items."""
    by_item: dict[str, list[Result]] = {}
    for result in report.results:
        by_item.setdefault(result.items[0], []).append(result)
    found: dict[str, list[tuple[Item, list[Result]]]] = {}
    for item in report.items:
        results = sorted(by_item.get(item.requirement.number, []), key=lambda result: VERDICTS.index(result.verdict))
        found.setdefault(item.requirement.section, []).append((item, results))
    return found


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "pages"),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["ticked"] = _ticked
    return environment


def _ticked(text: str) -> Markup:
    """Text with `what is in ticks` as code; everything else escaped."""
    return Markup(_TICKS.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 (escaped just before)


def _style_digest() -> str:
    """The digest by which a content security policy lets the page's own style in, and no other."""
    style: Any = _TEMPLATES.get_template("report.css").render()
    return "sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()


_TEMPLATES: Final = _environment()
STYLE_DIGEST: Final = _style_digest()
