"""Text that came from a record, made harmless inside GitHub-flavoured Markdown: it reads as written and marks up nothing."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 200
"""Characters of one piece of patient-derived text on a card; longer is cut, as a card is read at a glance."""

# Every ASCII punctuation that GFM reads as markup or as the start of a link; `:` and `@` break automatic links.
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-.!|~@:$^=])")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_INVISIBLE = {"Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"}


class SafeMarkdown(str):
    """Markdown that this program wrote itself: it is not escaped again."""

    __slots__ = ()


def one_line(text: str, *, limit: int = LONGEST) -> str:
    """The text on one line: no line breaks, no control or direction-changing characters, cut at the limit with `…`."""
    visible = "".join(" " if char.isspace() else char for char in text if _is_visible(char))
    line = " ".join(visible.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def escape_markdown(text: str, *, limit: int = LONGEST) -> SafeMarkdown:
    """The text as GitHub-flavoured Markdown that renders as exactly that text: no emphasis, link, list, table or HTML."""
    line = one_line(text, limit=limit)
    marked = "".join(_ENTITIES.get(char, char) for char in line)
    return SafeMarkdown(_MARKUP.sub(r"\\\1", marked))


def _is_visible(char: str) -> bool:
    return char.isspace() or unicodedata.category(char) not in _INVISIBLE
