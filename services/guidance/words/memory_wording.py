"""What the memory says: one sentence per entry of the ledger, the same in the console, in a search and in a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

Kind = Literal["decision", "dissent", "vote", "stop", "incident", "lesson", "correction", "outcome", "change", "people"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

_BY_ACTION: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "moved": "decision",
        "continued": "decision",
        "approval lapsed": "decision",
        "suspended": "stop",
        "stopped at a site": "stop",
        "deployed": "decision",
        "incident": "incident",
        "lesson": "lesson",
        "correction": "correction",
        "outcome": "outcome",
        "reason given": "stop",
    }
)
_AGAINST: Final = frozenset({"reject", "not-enough-evidence"})
_VOTED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "approve": "agreed",
        "approve-with-conditions": "agreed with conditions",
        "reject": "did not agree",
        "not-enough-evidence": "found the evidence not enough",
        "withdraw": "withdrew their vote",
    }
)
_SERVES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "silent": "It computes and shows nothing.",
        "pilot": "Cards are shown in the pilot.",
        "general": "Cards are shown.",
        "retired": "It was retired and never returns.",
        "development": "It may be developed further.",
    }
)


def kind_of(entry: Mapping[str, Any]) -> Kind:
    """What kind of memory an entry is; a vote against is dissent, and has the same size as agreement."""
    action = str(entry["action"])
    if action == "voted":
        return "dissent" if entry["detail"].get("vote") in _AGAINST else "vote"
    if str(entry["subject"]).startswith("person:"):
        return "people"
    return _BY_ACTION.get(action, "change")


def told(entry: Mapping[str, Any], *, openly: bool = True) -> str:
    """An entry as a sentence: who, in which role, did what, and why if they said so.

    `openly` false: for a page that anyone may read. A vote is told without its direction and its reason, and of what
    people wrote only why something was stopped.
    """
    if "withheld" in entry:
        return "Something about a vote on an open step; it is told when the step is decided."
    detail: Mapping[str, Any] = entry["detail"]
    action = str(entry["action"])
    if not openly and action == "voted":
        return f"{_who(entry)} voted on the step to {detail.get('transition')}."
    if not openly and action not in ("moved", "suspended"):
        return f"{_who(entry)}: {action}{_of({'kind': detail.get('kind')})}."
    if action == "moved":
        return _moved(detail)
    if action == "continued":
        return f"Goes on in {detail['to']}, to be looked at again by {detail['review_by']}. {_agreed(detail)}"
    if action == "approval lapsed":
        return (
            f"The approval for {detail['from']} lapsed: nobody deployed it for {detail['days']} days. "
            f"It stands in {detail['to']} again."
        )
    if action == "voted":
        said = _VOTED.get(str(detail.get("vote")), str(detail.get("vote")))
        return _because(f"{_who(entry)} {said} on the step to {detail.get('transition')}", detail.get("reason"))
    if action == "suspended":
        return _because(f"{_who(entry)} stopped it (it was in {detail.get('from')})", detail.get("reason"))
    if action == "stopped at a site":
        return _because(f"{_who(entry)} stopped it at {detail.get('site')}", detail.get("reason"))
    if action == "deployed":
        return f"{_who(entry)} deployed it as {detail.get('stage')}: {_placed(detail)}."
    if action == "asked":
        holds = " what holds the step" if detail.get("blocking") else ""
        return _because(f"{_who(entry)} asked{holds}", detail.get("text"))
    if action == "replied":
        return _because(f"{_who(entry)} replied to question {detail.get('question')}", detail.get("text"))
    if action == "question closed":
        return _because(f"{_who(entry)} closed question {detail.get('question')}", detail.get("how"))
    if action in ("lesson", "incident", "correction", "outcome"):
        return _noted(entry, action, detail)
    return _because(f"{_who(entry)}: {action}{_of(detail)}", detail.get("reason") or detail.get("note"))


def _moved(detail: Mapping[str, Any]) -> str:
    to = str(detail["to"])
    quorum: Mapping[str, Any] = detail.get("quorum", {})
    fewer = f" By the reduced quorum, {quorum.get('why')}." if quorum.get("kind") == "reduced" else ""
    return f"Moved from {detail['from']} to {to}. {_SERVES.get(to, '')} {_agreed(detail)}{fewer}".replace("  ", " ")


def _agreed(detail: Mapping[str, Any]) -> str:
    """Who agreed, and who did not."""
    agreed = detail.get("agreed", {})
    names = ", ".join(f"{person} ({role})" for role, person in sorted(agreed.items()))
    dissent = ", ".join(f"{person} ({role})" for role, person in sorted(detail.get("dissent", {}).items()))
    against = f" Against: {dissent}." if dissent else ""
    return f"Agreed: {names or 'nobody'}.{against}"


def _placed(detail: Mapping[str, Any]) -> str:
    """Sites, share and times of a deployment, as its entry has them."""
    sites = [str(one) for one in detail.get("sites", ())]
    share = int(detail.get("share", 10_000))
    parts = ["all sites" if "*" in sites else ", ".join(sites)]
    parts += [f"{share / 100:g}% of patients"] if share != 10_000 else []
    parts += [
        f"{word} {str(detail[name])[:16].replace('T', ' ')} UTC"
        for name, word in (("starts_at", "from"), ("ends_at", "until"))
        if detail.get(name)
    ]
    return "; ".join(parts)


def _noted(entry: Mapping[str, Any], action: str, detail: Mapping[str, Any]) -> str:
    about = f" about entry {detail['about']}" if detail.get("about") else ""
    owner = f" Owner: {detail['owner']}." if detail.get("owner") else ""
    review = f" To be looked at again on {detail['review_on']}." if detail.get("review_on") else ""
    text = str(detail["text"]).rstrip(". ")
    return f"{action.capitalize()}{about}, noted by {_who(entry)}: {text}.{owner}{review}"


def _of(detail: Mapping[str, Any]) -> str:
    """What a change was about, in the few words that entries of many kinds share."""
    for name in ("kind", "version", "name", "site", "key"):
        if isinstance(detail.get(name), str) and detail[name]:
            return f" ({detail[name]})"
    return ""


def _who(entry: Mapping[str, Any]) -> str:
    role = str(entry["role"]).replace(",", ", ")
    return str(entry["actor"]) if role in ("", str(entry["actor"])) else f"{entry['actor']} ({role})"


def _because(sentence: str, reason: object) -> str:
    text = str(reason).strip().rstrip(".") if reason else ""
    return f"{sentence}: {text}{'' if text.endswith(('?', '!')) else '.'}" if text else f"{sentence}."
