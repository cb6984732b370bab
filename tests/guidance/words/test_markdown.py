"""Text from a record cannot mark up a card: it reads as it was written, and does nothing."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from services.guidance.words.markdown import LONGEST, SafeMarkdown, escape_markdown, one_line

MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def rendered(text: str) -> str:
    """The text of the only paragraph; anything but one bare paragraph fails."""
    page = MARKDOWN.render(text)
    found = re.fullmatch(r"<p>([^<]*)</p>\n", page)
    assert found, page
    return html.unescape(found[1])


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[click](javascript:alert(1))", "![x](http://evil)",
        "**bold** _it_ ~~gone~~ `code`", "# heading", "- list", "1. list", "> quote", "| a | b |\n|---|---|", "***", "===", "~~~",
        "&lt;b&gt; &amp; &#42;", "a\\*b", "line\nbreak", "[a]: http://evil 'x'", "<http://evil>", "```", "+ a", "$x^2$",
    ],
)  # fmt: skip
def test_markup_reads_as_written(text: str) -> None:
    """What would be a link, a list, an image or HTML is only text."""
    assert rendered(escape_markdown(text)) == one_line(text)


@pytest.mark.parametrize(
    "text", ["http://evil.example/x", "www.evil.example", "a@evil.example", "mailto:a@b.c", "xmpp:a@b.c"]
)
def test_no_address_becomes_a_link(text: str) -> None:
    """GitHub-flavoured Markdown links bare addresses: none is left that it could find."""
    escaped = escape_markdown(text)
    assert not re.search(r"https?:|www\.|mailto:|xmpp:|[^\\]@", escaped)


@given(st.text(max_size=80))
def test_any_text_reads_as_written(text: str) -> None:
    """Whatever the record holds, the card shows exactly its visible text."""
    line = one_line(text)
    if line:
        assert rendered(escape_markdown(text)) == line


def test_text_is_one_line_and_not_long() -> None:
    """No line breaks, no hidden or direction-changing characters, no endless text."""
    assert one_line("a\r\n\tb\u202e\u200bc\x00 ") == "a bc"
    assert one_line("x" * 500) == "x" * (LONGEST - 1) + "…"
    assert one_line("x" * LONGEST) == "x" * LONGEST


def test_what_was_escaped_is_marked_as_safe() -> None:
    """So that it is not escaped twice."""
    assert isinstance(escape_markdown("a"), SafeMarkdown)
