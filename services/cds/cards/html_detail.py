"""A card's detail as HTML, for a client that was set so: the same Markdown, rendered; raw HTML in it stays text."""

from __future__ import annotations

from functools import cache

from markdown_it import MarkdownIt


def html_of(markdown: str) -> str:
    """The detail as an HTML fragment; links lead to http(s) addresses alone."""
    return str(_renderer().render(markdown)).strip()


@cache
def _renderer() -> MarkdownIt:
    renderer = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    renderer.validateLink = lambda url: url.startswith(("https://", "http://"))  # type: ignore[method-assign]
    return renderer
