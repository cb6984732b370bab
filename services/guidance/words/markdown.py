"""Text that came from a record, made harmless inside GitHub-flavoured Markdown: it reads as written and marks up nothing."""

from __future__ import annotations

import unicodedata

LONGEST = 200
"""Characters of one piece of patient-derived text on a card; longer is cut, as a card is read at a glance."""

# Every ASCII punctuation that GFM reads as markup or as the start of a link; `:` and `@` break automatic links.
_ESCAPED = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;"} | {char: f"\\{char}" for char in "\\`*_{}[]()#+-.!|~@:$^="}
)
_INVISIBLE = {"Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"}


class SafeMarkdown(str):
    """Markdown that this program wrote itself: it is not escaped again."""

    __slots__ = ()


def one_line(text: str, *, limit: int = LONGEST) -> str:
    """The text on one line: no line breaks, no control or direction-changing characters, cut at the limit with `…`."""
    # What Python calls printable holds no other blank than the space: most text needs no second look.
    visible = text if text.isprintable() else "".join(_visible(char) for char in text)
    line = " ".join(visible.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def escape_markdown(text: str, *, limit: int = LONGEST) -> SafeMarkdown:
    """The text as GitHub-flavoured Markdown that renders as exactly that text: no emphasis, link, list, table or HTML."""
    return SafeMarkdown(one_line(text, limit=limit).translate(_ESCAPED))


def _visible(char: str) -> str:
    if char.isspace():
        return " "
    return "" if unicodedata.category(char) in _INVISIBLE else char
