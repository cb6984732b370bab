"""What a card says: its two templates, compiled once per release, filled with the facts of one call.

A template may name `VARIABLES`, features by name, `if`, comparisons and `~`; no loops, calls or filters, so it
cannot run away. Text that is not ours is escaped as Markdown on its way out (`guidance.words.markdown`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import jinja2
import msgspec
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from services.guidance.definition import Card, Guidance
from services.guidance.words.card_facts import CardFacts, Reason, Reasons, missing_of, origin_of, read_from, reasons_of
from services.guidance.words.card_variables import VARIABLES, Variables, names_of
from services.guidance.words.markdown import SafeMarkdown, escape_markdown, one_line
from services.guidance.words.prediction_variables import Stated
from services.timeline.errors import BadInput

__all__ = [
    "VARIABLES",
    "CardFacts",
    "CardText",
    "CardWords",
    "Reason",
    "Stated",
    "compile_cards",
    "missing_of",
    "origin_of",
    "read_from",
    "reasons_of",
]

SUMMARY_LONGEST: Final = 139  # CDS Hooks: "summary ... SHOULD be less than 140 characters"; Inferno fails 140

_ALLOWED: Final = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.If, nodes.CondExpr, nodes.Compare,
    nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Test, nodes.Concat, nodes.Assign,
)  # fmt: skip
_ONLY_TAGS: Final = re.compile(r"^[ \t]*((?:\{%(?:(?!%\})[^\n])*%\}[ \t]*)+)\n", re.MULTILINE)
_TESTS: Final = frozenset({"none"})


class CardWords(msgspec.Struct, frozen=True, kw_only=True):
    """A card's summary (plain text), detail (GitHub-flavoured Markdown), and the reasons that it may have named."""

    summary: str
    detail: str
    reasons: tuple[Reason, ...] = ()
    says_reasons: bool = False
    """The detail holds the whole sentence of the reasons, each with its resource."""
    app_contexts: tuple[str | None, ...] = ()
    """What each link's app is told, in the order of the links."""


class TemplateFault(BadInput):
    """A template cannot be compiled or filled; `line` counts from 1 within the template."""

    def __init__(self, message: str, *, place: str, line: int = 1) -> None:
        self.line = line
        super().__init__(
            message, place=place, remedy="See `services/guidance/words/card_variables.py` for what a template may name"
        )


class CardText:
    """One card of one release, ready to be filled."""

    def __init__(self, guidance: Guidance, name: str, card: Card) -> None:
        self.guidance = guidance
        self.card = card
        self.name = name
        known = names_of(guidance)
        self._summary, in_summary = _compiled(card.summary, plain=True, place=f"cards.{name}.summary", known=known)
        self._detail, in_detail = _compiled(card.detail, plain=False, place=f"cards.{name}.detail", known=known)
        self._contexts: list[tuple[jinja2.Template, str] | None] = []
        in_contexts: frozenset[str] = frozenset()
        for number, link in enumerate(card.links):
            if link.app_context is None:
                self._contexts.append(None)
                continue
            place = f"cards.{name}.links.{number}.app_context"
            template, named = _compiled(link.app_context, plain=True, place=place, known=known)
            self._contexts.append((template, place))
            in_contexts |= named
        self._reasons = Reasons(guidance)
        self._variables = Variables(guidance, in_summary | in_detail | in_contexts)

    def render(self, facts: CardFacts) -> CardWords:
        """The words of this card for one call."""
        reasons = self._reasons.of(facts.values, facts.contributions)
        variables = self._variables.of(facts, reasons)
        summary = one_line(self._summary_of(variables), limit=SUMMARY_LONGEST)
        detail = _tidy(_filled(self._detail, variables, f"cards.{self.name}.detail"))
        contexts = tuple(one and _filled(one[0], variables, one[1]).strip() for one in self._contexts)
        return CardWords(
            summary=summary,
            detail=detail,
            reasons=reasons,
            says_reasons=bool(said := str(variables.get("reasons", ""))) and said in detail,
            app_contexts=contexts,
        )

    def summary_in_full(self, facts: CardFacts) -> str:
        """The summary before it is cut to what a card may hold: what the check measures."""
        reasons = self._reasons.of(facts.values, facts.contributions)
        return one_line(self._summary_of(self._variables.of(facts, reasons)), limit=10_000)

    def _summary_of(self, variables: Mapping[str, Any]) -> str:
        return _filled(self._summary, variables, f"cards.{self.name}.summary")


def compile_cards(guidance: Guidance) -> dict[str, CardText]:
    """Every card of the guidance by name; TemplateFault if a template cannot be used."""
    return {name: CardText(guidance, name, card) for name, card in guidance.cards.items()}


def _printed(value: Any) -> str:
    """What `{{ }}` prints on a plain line."""
    return "not known" if value is None else str(value)


def _printed_as_markdown(value: Any) -> str:
    """What `{{ }}` prints in Markdown: our own words and numbers as they are, any other text escaped."""
    if isinstance(value, str) and not isinstance(value, SafeMarkdown):
        return escape_markdown(value)
    return _printed(value)


def _environment(finalize: Any) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        finalize=finalize,
        autoescape=False,  # the output is Markdown, not HTML: `finalize` escapes it as what it is
    )
    environment.globals.clear()
    return environment


_PLAIN = _environment(_printed)
_MARKDOWN = _environment(_printed_as_markdown)


def _compiled(source: str, *, plain: bool, place: str, known: frozenset[str]) -> tuple[jinja2.Template, frozenset[str]]:
    """The template, and what it names."""
    environment = _PLAIN if plain else _MARKDOWN
    try:
        tree = environment.parse(source)
        for node in tree.find_all(nodes.Node):
            if not isinstance(node, _ALLOWED) or (isinstance(node, nodes.Test) and node.name not in _TESTS):
                what = type(node).__name__.lower()
                raise TemplateFault(f"a template may not use `{what}`", place=place, line=node.lineno)
        assigned = {node.name for node in tree.find_all(nodes.Name) if node.ctx == "store"}
        named = [node for node in tree.find_all(nodes.Name) if node.ctx == "load"]
        for node in named:
            if node.name not in known | assigned:
                raise TemplateFault(f"`{node.name}` is neither a feature nor a variable", place=place, line=node.lineno)
        # A line that holds only tags leaves no line; Jinja2's own trimming would also join lines that end with a tag.
        return environment.from_string(_ONLY_TAGS.sub(r"\1", source)), frozenset(node.name for node in named)
    except jinja2.TemplateSyntaxError as fault:
        message = f"the template cannot be read: {fault.message}"
        raise TemplateFault(message, place=place, line=fault.lineno) from fault
    except RecursionError as fault:
        raise TemplateFault("the template is nested too deeply", place=place) from fault


def _filled(template: jinja2.Template, variables: Mapping[str, Any], place: str) -> str:
    try:
        # As `render` does, without a copy of the variables: the environment has no globals to add to them.
        return "".join(template.root_render_func(template.new_context(dict(variables), shared=True)))
    except (jinja2.TemplateError, TypeError, ValueError) as fault:
        message = f"the template cannot be filled when a value is not known ({type(fault).__name__})"
        raise TemplateFault(message, place=place) from fault


def _tidy(text: str) -> str:
    """Paragraphs without trailing blanks, runs of blanks or more than one empty line."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    joined = "\n".join(lines).strip()
    return re.sub(r"\n{3,}", "\n\n", joined) if "\n\n\n" in joined else joined
