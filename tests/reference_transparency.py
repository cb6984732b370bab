"""The pages of the source attributes and of the controls that a risk register may name, written from their tables."""

from __future__ import annotations

from services.guidance.transparency.attributes import EVIDENCE_BASED, PREDICTIVE, Attribute
from services.guidance.transparency.controls import TESTS

STAR = "\\*"


def attributes_page(note: str) -> str:
    """docs/reference/source-attributes.md."""
    lines = [
        note,
        "# Source attributes",
        "",
        "45 CFR 170.315(b)(11)(iv): 31 of predictive decision support (B), 13 of evidence-based (A). *Computed* ones come from the release and its "
        "evidence, carry its digest and the time, and are never typed. \\* “not available for review” may be said, with the reason. A guidance that fills "
        "all of them is source-attribute complete; that is no certification.",
    ]
    for heading, those in (("(iv)(B)", PREDICTIVE), ("(iv)(A)", EVIDENCE_BASED)):
        lines += ["", f"## {heading}", "", "| paragraph | key | asks for | who fills it |", "|---|---|---|---|"]
        lines += [
            f"| {one.paragraph}{STAR * one.may_be_unavailable} | `{one.key}` | {one.asks} | {_who(one)} |"
            for one in those
        ]
    return "\n".join(lines) + "\n"


def _who(one: Attribute) -> str:
    if one.about:
        return f"author: `about.{one.about}` of guidance.yaml"
    said = {"author": "author", "computed": "computed", "both": "author, and computed"}[one.filled]
    return f"{said}: `attributes.{one.key}` of transparency.yaml" if one.asked_of_author else said


def controls_page(note: str) -> str:
    """docs/reference/controls.md."""
    lines = [
        note,
        "# Controls",
        "",
        "What `proven_by` in a risk register may name: `monitor:<id>` of a monitor of the guidance (`knowdo registry risks GUIDANCE --json` lists them with "
        "their limits; `observed-expected`, `alert-rate`, `missed-events`, `groups`, `unknown-inputs`, and `cards-per-hour` where a circuit breaker is "
        "declared), or one of these tests. A control that names anything else dangles, and opens no gate.",
        "",
        "| test | what it proves |",
        "|---|---|",
        *(f"| `{name}` | {said} |" for name, said in TESTS.items()),
    ]
    return "\n".join(lines) + "\n"
