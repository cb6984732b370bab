"""A card as an EHR would draw it, in the order of the CDS Hooks sandbox: indicator, summary, source, detail, actions, links.

Beside the card of another release, every line that the other does not have is marked, by a sign and not by colour alone.

Nothing of a card is trusted: the detail is Markdown in which raw HTML stays text, cleaned once more, without pictures; only
http(s) addresses become links.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Final

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

LONGEST_SUMMARY: Final = 139
INDICATORS: Final = {"info": ("●", "Info"), "warning": ("▲", "Warning"), "critical": ("■", "Critical")}
_TAGS: Final = {
    "p", "br", "strong", "em", "s", "ul", "ol", "li", "code", "pre", "blockquote", "a",
    "table", "thead", "tbody", "tr", "th", "td", "mark",
}  # fmt: skip
SIGN: Final = "≠"
"""Stands before a line that the other card does not have."""
_BREAKS: Final = {"softbreak", "hardbreak"}
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
    others: Set[str] | None = None
    """The lines of the cards that this one stands beside; None: it stands alone."""

    def differs(self, line: str) -> bool:
        """Whether this line is marked."""
        return self.others is not None and line not in self.others

    @property
    def fits(self) -> bool:
        """Whether the summary is as short as CDS Hooks asks for."""
        return len(self.summary) <= LONGEST_SUMMARY


def view_of(card: Mapping[str, Any], others: Set[str] | None = None) -> CardView:
    """The card; what is not as CDS Hooks has it is drawn as nothing. `others`: the lines of the cards beside it."""
    glyph, indicator = INDICATORS.get(str(card.get("indicator")), ("?", "Unmarked"))
    detail = _text(card.get("detail"))
    return CardView(
        glyph=glyph,
        indicator=indicator,
        summary=_text(card.get("summary")),
        source=_address(card.get("source")),
        detail=detail_of(detail, others),
        detail_length=len(detail),
        suggestions=[
            (_text(one.get("label")), [_text(action.get("description")) for action in _objects(one.get("actions"))])
            for one in _objects(card.get("suggestions"))
        ],
        reasons=[_text(one.get("display")) or _text(one.get("code")) for one in _objects(card.get("overrideReasons"))],
        links=[_address(one) for one in _objects(card.get("links"))],
        others=others,
    )


def lines_of(card: Mapping[str, Any]) -> frozenset[str]:
    """Every line of a card as it is read: what a card beside it is compared with."""
    view = view_of(card)
    said = [view.indicator, view.summary, view.source.label, *view.reasons, *(one.label for one in view.links)]
    for label, actions in view.suggestions:
        said += [label, *actions]
    for token in _MARKDOWN.parse(_text(card.get("detail"))):
        said += [_read(line) for _, line in _lines(token)]
    return frozenset(said)


def detail_of(markdown: str, others: Set[str] | None = None) -> Markup:
    """Markdown as HTML that can do nothing but be read; lines that are not among `others` are marked."""
    tokens = _MARKDOWN.parse(markdown)
    if others is not None:
        for token in tokens:
            if token.type == "inline":
                token.children = list(_marked(token, others))
    html = nh3.clean(
        _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}),
        tags=_TAGS,
        attributes={"a": {"href"}},
        url_schemes={"http", "https"},
        link_rel="noopener noreferrer",
    )
    return Markup(html)  # noqa: S704 - cleaned in the line above


def _lines(token: Token) -> Iterator[tuple[Token | None, list[Token]]]:
    """The lines of a block, each with the break before it and the parts that it is made of."""
    before: Token | None = None
    line: list[Token] = []
    for part in token.children or ():
        if part.type in _BREAKS:
            yield before, line
            before, line = part, []
        else:
            line.append(part)
    yield before, line


def _marked(token: Token, others: Set[str]) -> Iterator[Token]:
    """The parts of a block; a line that the others do not have stands in a mark, if nothing runs on from it or into it."""
    for before, line in _lines(token):
        if before is not None:
            yield before
        if not _read(line) or _read(line) in others or not _is_whole(line):
            yield from line
        else:
            yield Token("html_inline", "", 0, content=f"<mark>{SIGN} ")
            yield from line
            yield Token("html_inline", "", 0, content="</mark>")


def _is_whole(line: Sequence[Token]) -> bool:
    """Whether every part that begins in this line ends in it, and none that began before."""
    depth = 0
    for part in line:
        depth += part.nesting
        if depth < 0:
            return False
    return depth == 0


def _read(line: Sequence[Token]) -> str:
    """A line without its marks, as it is read."""
    return " ".join("".join(part.content for part in line).split())


def _address(found: Any) -> Address:
    part = found if isinstance(found, Mapping) else {}
    url = _text(part.get("url"))
    return Address(label=_text(part.get("label")), url=url if url.startswith(("https://", "http://")) else "")


def _objects(found: Any) -> list[Mapping[str, Any]]:
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _text(found: Any) -> str:
    return found if isinstance(found, str) else ""
