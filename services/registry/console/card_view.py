"""A card as an EHR would draw it, in the order of the CDS Hooks sandbox: indicator, summary, source, detail, actions, links.

Nothing of a card is trusted: the detail is Markdown in which raw HTML stays text, cleaned once more, without pictures; only
http(s) addresses become links.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

LONGEST_SUMMARY: Final = 139
INDICATORS: Final = {"info": ("●", "Info"), "warning": ("▲", "Warning"), "critical": ("■", "Critical")}
_TAGS: Final = {
    "p", "br", "strong", "em", "s", "ul", "ol", "li", "code", "pre", "blockquote", "a",
    "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
_MARKDOWN: Final = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Words, and where they lead; `url` is empty where that is no web address."""

    label: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CardView:
    """What is drawn of one card."""

    glyph: str
    indicator: str
    summary: str
    source: Address
    detail: Markup
    detail_length: int
    suggestions: Sequence[tuple[str, Sequence[str]]]
    """Label, and what each of its actions says that it does."""
    reasons: Sequence[str]
    links: Sequence[Address]

    @property
    def fits(self) -> bool:
        """Whether the summary is as short as CDS Hooks asks for."""
        return len(self.summary) <= LONGEST_SUMMARY


def view_of(card: Mapping[str, Any]) -> CardView:
    """The card; what is not as CDS Hooks has it is drawn as nothing."""
    glyph, indicator = INDICATORS.get(str(card.get("indicator")), ("?", "Unmarked"))
    detail = _text(card.get("detail"))
    return CardView(
        glyph=glyph,
        indicator=indicator,
        summary=_text(card.get("summary")),
        source=_address(card.get("source")),
        detail=detail_of(detail),
        detail_length=len(detail),
        suggestions=[
            (_text(one.get("label")), [_text(action.get("description")) for action in _objects(one.get("actions"))])
            for one in _objects(card.get("suggestions"))
        ],
        reasons=[_text(one.get("display")) or _text(one.get("code")) for one in _objects(card.get("overrideReasons"))],
        links=[_address(one) for one in _objects(card.get("links"))],
    )


def detail_of(markdown: str) -> Markup:
    """Markdown as HTML that can do nothing but be read."""
    html = nh3.clean(
        _MARKDOWN.render(markdown),
        tags=_TAGS,
        attributes={"a": {"href"}},
        url_schemes={"http", "https"},
        link_rel="noopener noreferrer",
    )
    return Markup(html)  # noqa: S704 - cleaned in the line above


def _address(found: Any) -> Address:
    part = found if isinstance(found, Mapping) else {}
    url = _text(part.get("url"))
    return Address(label=_text(part.get("label")), url=url if url.startswith(("https://", "http://")) else "")


def _objects(found: Any) -> list[Mapping[str, Any]]:
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _text(found: Any) -> str:
    return found if isinstance(found, str) else ""
