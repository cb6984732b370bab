"""An answer in one client's dialect: the only place where a card is changed for the sake of who shows it.

It comes after the card is composed and before it is linted and kept, so that what is kept is what was said. Actions that
belong together are never parted: what a client cannot take together is no button there, and the card says it in words.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from services.cds.cards.html_detail import html_of
from services.cds.cards.lint import LABEL
from services.cds.clients.profile import Profile
from services.guidance.words.wording import escape_markdown, listed

Json = dict[str, Any]


def speak(card: Json, profile: Profile, *, together: Collection[str] = ()) -> Json:
    """The card as this client takes it; the same object where nothing differs.

    `together`: uuids of suggestions whose actions belong together; one that deletes is among them without being named.
    """
    if profile.takes_cards_as_they_are:
        return card
    spoken = dict(card)
    spoken["source"] = _source(card["source"], profile)
    said = [*_suggestions(spoken, profile, together), *_links(spoken, profile)]
    if said:
        spoken["detail"] = "\n\n".join([card["detail"], *said]) if "detail" in card else "\n\n".join(said)
    if profile.detail.format == "html" and "detail" in spoken:
        spoken["detail"] = html_of(spoken["detail"])
        spoken["extension"] = {**card.get("extension", {}), profile.detail.extension: "text/html"}
    return spoken


def answer_of(cards: Sequence[Json], profile: Profile, *, hook: str, system_actions: Sequence[Json] = ()) -> Json:
    """The whole answer: the cards, and system actions where this client agreed to them or must see the key."""
    answer: Json = {"cards": list(cards)}
    told = profile.system_actions
    actions = list(system_actions) if hook in told.hooks else []
    if actions or hook in told.present_on:
        answer["systemActions"] = actions
    if actions and told.mirrored:
        answer["extension"] = {"systemActions": actions}
    return answer


def topic_code(code: str, profile: Profile) -> str:
    """A topic's code as this client takes it: always the same for the same code."""
    kept = "".join(char for char in code if char.isascii() and char.isalnum()) if profile.topic.alphanumeric else code
    return kept[: profile.topic.longest]


def _source(source: Json, profile: Profile) -> Json:
    topic = source["topic"]
    code = topic_code(topic["code"], profile)
    return source if code == topic["code"] else {**source, "topic": {**topic, "code": code}}


def _suggestions(card: Json, profile: Profile, together: Collection[str]) -> Iterator[str]:
    """Puts the suggestions as the client takes them; yields what must now be said in words."""
    offered = card.get("suggestions")
    if not offered:
        return
    one_at_a_time = profile.suggestions.one_action
    choose_one = card["selectionBehavior"] == "at-most-one"
    kept, taken_off = [], []
    for suggestion in offered:
        if not one_at_a_time or len(suggestion.get("actions", ())) < 2:
            kept.append(suggestion)
        elif choose_one or _coupled(suggestion, together):
            taken_off.append(suggestion)
        else:
            kept += _parted(suggestion)
    if kept:
        card["suggestions"] = kept
    else:
        del card["suggestions"], card["selectionBehavior"]
    for suggestion in taken_off:
        yield _in_words(suggestion)
    if choose_one and "at-most-one" not in profile.suggestions.behaviors and kept:
        card["selectionBehavior"] = "any"
        if len(kept) > 1:
            yield f"Choose at most one of these: {listed([_bold(one['label']) for one in kept])}."


def _coupled(suggestion: Mapping[str, Any], together: Collection[str]) -> bool:
    """Whether its actions belong together: a draft that is deleted is replaced by what is created beside."""
    return suggestion.get("uuid") in together or any(action["type"] == "delete" for action in suggestion["actions"])


def _parted(suggestion: Mapping[str, Any]) -> Iterator[Json]:
    """One suggestion for each action. The first keeps the uuid; the others get theirs from it, the same every time."""
    for number, action in enumerate(suggestion["actions"]):
        words = action["description"]
        yield {
            **suggestion,
            "label": words if len(words) <= LABEL else suggestion["label"],
            "uuid": suggestion["uuid"] if number == 0 else str(uuid.uuid5(uuid.UUID(suggestion["uuid"]), str(number))),
            "actions": [action],
        }


def _in_words(suggestion: Mapping[str, Any]) -> str:
    steps = listed([_plain(action["description"]) for action in suggestion["actions"]])
    return f"{_bold(suggestion['label'])} is no button here, because its steps belong together: {steps}."


def _links(card: Json, profile: Profile) -> Iterator[str]:
    """Takes off the links that this client does not show; yields their words."""
    links = card.get("links")
    if not links:
        return
    kept = [link for link in links if link["type"] in profile.links.types]
    if len(kept) == len(links):
        return
    if kept:
        card["links"] = kept
    else:
        del card["links"]
    for link in links:
        if link["type"] not in profile.links.types:
            where = (
                f": {_plain(link['url'])}" if link["type"] == "absolute" else " is an app that is not opened from here"
            )
            yield f"{_bold(link['label'])}{where}."


def _bold(text: str) -> str:
    return f"**{_plain(text)}**"


def _plain(text: str) -> str:
    return escape_markdown(text.rstrip("."), limit=1000)
