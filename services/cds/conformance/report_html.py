"""The report as one page: every item with its verdict, every check with request and response. No script, no address to load."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any, Final

import jinja2

from services.cds.conformance.report import VERDICTS, Item, Report, Result
from services.cds.conformance.wording import MARKS, WORDS, sentence


def report_page(report: Report) -> str:
    """The whole page, which stands alone."""
    exchanges = {exchange.number: exchange for exchange in report.exchanges}
    return _TEMPLATES.get_template("report.html.j2").render(
        report=report,
        verdicts=VERDICTS,
        sections=_sections(report),
        exchanges=exchanges,
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
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "pages"),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _style_digest() -> str:
    """The digest by which a content security policy lets the page's own style in, and no other."""
    style: Any = _TEMPLATES.get_template("report.css").render()
    return "sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()


_TEMPLATES: Final = _environment()
STYLE_DIGEST: Final = _style_digest()
