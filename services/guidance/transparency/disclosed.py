"""The source attributes of one release as a reader sees them, and whether they are complete.

Three hands fill them: what is computed, what the author wrote into the release, and what a person added or corrected
later. A correction answers the author's text that stood then; once a release says something else, it is spent. Complete
means "source-attribute complete", and certifies nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from services.guidance.errors import Refused
from services.guidance.lifecycle import Check
from services.guidance.transparency.attributes import BY_KEY, EVIDENCE_BASED, PREDICTIVE, Attribute
from services.guidance.transparency.computed import compute
from services.guidance.transparency.disclosure import LONGEST
from services.guidance.transparency.readings import Facts
from services.timeline.errors import BadInput, KnowdoError


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the author or a person says of an attribute: a text, or that nothing is available and why."""

    text: str = ""
    not_available: str = ""
    """The reason; then there is no text."""

    @property
    def shown(self) -> str | dict[str, Any]:
        """As JSON."""
        return {"notAvailable": True, "reason": self.not_available} if self.not_available else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A person's correction: what it says, what it answers, who, when and why."""

    key: str
    given: Given
    replaced: str | dict[str, Any]
    """What the author said when it was made; of another text it is spent."""
    by: str
    role: str
    at: str
    why: str
    ledger: int = 0
    """Number of its entry in the ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """One attribute as it stands: text of a hand, a computed part, or neither."""

    attribute: Attribute
    given: Given | None = None
    given_by: Literal["", "author", "person"] = ""
    edit: Edit | None = None
    """Where a person gave it."""
    computed: str = ""
    evidence: str = ""
    """Digest of what the computed part rests on; the release's where that is the release."""
    computed_at: str = ""
    missing: str = ""
    """Why it is not filled."""

    @property
    def not_available(self) -> str:
        """The reason why nothing is available, where that is what is said."""
        return self.given.not_available if self.given is not None and not self.computed else ""

    @property
    def text(self) -> str:
        """All that is said, the hand's part first."""
        return " ".join(part for part in (self.given.text if self.given else "", self.computed) if part)

    @property
    def is_filled(self) -> bool:
        """Whether it says something, be it that nothing is available."""
        return not self.missing

    @property
    def shown(self) -> dict[str, Any]:
        """As JSON."""
        one = self.attribute
        value: Any = {"notAvailable": True, "reason": self.not_available} if self.not_available else self.text
        return {
            "key": one.key,
            "paragraph": one.paragraph,
            "group": one.group,
            "asks": one.asks,
            "filled": one.filled,
            "value": None if self.missing else value,
            **({"missing": self.missing} if self.missing else {}),
            **({"by": self.given_by} if self.given_by else {}),
            **({"edited": edit_shown(self.edit)} if self.edit is not None else {}),
            **({"evidence": self.evidence, "computedAt": self.computed_at} if self.evidence else {}),
        }


def edit_shown(edit: Edit) -> dict[str, Any]:
    """A correction as JSON."""
    return {
        "key": edit.key,
        "value": edit.given.shown,
        "replaced": edit.replaced,
        "by": edit.by,
        "role": edit.role,
        "at": edit.at,
        "why": edit.why,
        "ledger": edit.ledger,
    }


def disclose(
    facts: Facts, *, edits: Mapping[str, Edit] | None = None, now: datetime
) -> dict[Literal["predictive", "evidence-based"], tuple[Filled, ...]]:
    """Every attribute of a release. `edits`: the last of each key; `now`: when it is computed."""
    at = now.isoformat(timespec="seconds").replace("+00:00", "Z")
    return {
        "predictive": tuple(_fill(one, facts, edits or {}, at) for one in PREDICTIVE),
        "evidence-based": tuple(_fill(one, facts, edits or {}, at) for one in EVIDENCE_BASED),
    }


def author_says(facts: Facts, key: str) -> Given | None:
    """What the release itself says of an attribute: `about` of guidance.yaml, or transparency.yaml."""
    attribute = BY_KEY[key]
    if attribute.about:
        found = getattr(facts.guidance.about, attribute.about)
        text = "; ".join(found) if isinstance(found, tuple) else str(found)
        return Given(text=text.strip()) if text.strip() else None
    said = facts.disclosed.given(key)
    if said is None:
        return None
    return Given(text=said) if isinstance(said, str) else Given(not_available=said.reason)


def checked_edit(key: str, given: Given) -> Attribute:
    """The attribute that an edit is about; BadInput or Refused if it may not be edited so."""
    attribute = BY_KEY.get(key)
    if attribute is None:
        raise BadInput(
            f"no such source attribute: {key[:60]}", place="attribute", remedy=f"Choose from {', '.join(BY_KEY)}"
        )
    if attribute.filled == "computed":
        raise Refused(
            f"{attribute.paragraph} is computed from the release and its evidence, and never typed",
            place=key,
            remedy="File the evidence; the attribute follows it",
        )
    text = given.not_available or given.text
    if not text.strip():
        raise BadInput("an attribute is never blank", place=key, remedy="Write a text, or why nothing is available")
    if len(text) > LONGEST:
        raise BadInput(f"longer than {LONGEST:,} characters", place=key, remedy="Shorten it")
    if given.not_available and not attribute.may_be_unavailable:
        raise Refused(
            f"of {attribute.paragraph} nobody may say that it is not available, (v)(A)(2)",
            place=key,
            remedy="Write what is known",
        )
    return attribute


def _fill(attribute: Attribute, facts: Facts, edits: Mapping[str, Edit], at: str) -> Filled:
    given, edit = None, None
    if attribute.filled != "computed":
        given, edit = author_says(facts, attribute.key), edits.get(attribute.key)
        if edit is not None and edit.replaced == (given.shown if given else ""):
            given = edit.given
        else:
            edit = None
    by: Literal["", "author", "person"] = "" if given is None else "person" if edit is not None else "author"
    if attribute.filled == "author":
        missing = "" if given else "nobody has written it yet"
        return Filled(attribute=attribute, given=given, given_by=by, edit=edit, missing=missing)
    try:
        found = compute(facts, attribute.key)
    except KnowdoError as fault:  # evidence that cannot be read fills nothing, and says so
        missing = f"it cannot be computed: {fault.message}"
        return Filled(attribute=attribute, given=given, given_by=by, edit=edit, missing=missing)
    if not found.text and attribute.may_be_unavailable:
        given = Given(not_available=found.why_not)
    missing = "" if found.text or (given and given.not_available) else found.why_not
    if attribute.filled == "both" and given is None:
        missing = missing or "nobody has written its part yet"
    return Filled(
        attribute=attribute, given=given, given_by=by, edit=edit,
        computed=found.text, evidence=found.source, computed_at=at, missing=missing,
    )  # fmt: skip


def is_evidence_based(facts: Facts) -> bool:
    """Whether (iv)(A) is asked too: a published score is read, or is the risk."""
    guidance = facts.guidance
    return any(one.kind == "score" for one in guidance.features.values()) or any(
        one.model.published is not None for one in guidance.all_predictions.values()
    )


def attributes_check(
    facts: Facts, filled: Mapping[Literal["predictive", "evidence-based"], tuple[Filled, ...]]
) -> Check:
    """Whether every attribute that is asked is filled; a blank one does not meet, and nobody may accept that."""
    asked = list(filled["predictive"])
    if is_evidence_based(facts):
        asked += filled["evidence-based"]
    blank = [one for one in asked if not one.is_filled]
    unavailable = sum(bool(one.not_available) for one in asked)
    complete = f'{len(asked)} of {len(asked)} filled, {unavailable} of them "not available" with the reason'
    missing = "; ".join(f"{one.attribute.paragraph} {one.attribute.key}: {one.missing}" for one in blank)
    return Check(
        name="source-attributes",
        asked=f"Source-attribute complete: all {len(asked)} of 45 CFR 170.315(b)(11)(iv) are filled",
        found=f"{len(blank)} of {len(asked)} missing: {missing}" if blank else complete,
        verdict="does not meet" if blank else "meets",
        evidence=facts.release,
        numbers={"asked": len(asked), "missing": len(blank), "not_available": unavailable},
    )
