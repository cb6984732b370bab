"""A page as a parser sees it: its tags, its words, and whether every tag is closed."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from services.registry.console.shell import CSP
from tests.registry.conftest import House


class Page(HTMLParser):
    """What a page holds: its tags with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep it, and that it is open."""
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "link", "br", "input", "hr"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag that closes itself, in a drawing."""
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """The tag that was opened last must be the one that closes."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep the words."""
        self.words.append(data)


async def page(house: House, path: str, **headers: str) -> Page:
    """A page that is there, well formed, without scripts or styles in it, under the strict policy."""
    answer = await house.http.get(path, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"] == CSP
    assert answer.headers["x-content-type-options"] == "nosniff"
    found = Page(answer.text)
    assert found.open == []
    assert not [
        tag
        for tag, attributes in found.tags
        if tag in {"script", "style", "iframe", "object"} and "src" not in attributes
    ]
    assert not [name for _, attributes in found.tags for name in attributes if name.startswith("on") or name == "style"]
    assert [tag for tag, _ in found.tags].count("h1") == 1
    return found
