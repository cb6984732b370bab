"""An answer in a client's dialect: well formed whatever the profile, and nothing that belongs together is parted."""

from __future__ import annotations

import copy
import uuid
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cds.cards.lint import faults_of
from services.cds.clients.profile import Detail, Links, Profile, SystemActions, read_profiles
from services.cds.clients.speak import answer_of, speak, topic_code
from tests.cds.clients.cards import button, card, create, delete

SHIPPED = read_profiles()
SMART = {"label": "Risk app", "url": "https://app.example/launch", "type": "smart", "appContext": "{}"}
PAGE = {"label": "Study", "url": "https://doi.org/10.1001/x", "type": "absolute"}


def changed(name: str = "default", **parts: Any) -> Profile:
    """A shipped profile with other parts."""
    return msgspec.structs.replace(SHIPPED.named(name), **parts)


def test_a_client_without_habits_gets_the_very_card() -> None:
    """No copy is made where nothing differs."""
    made = card(button("Both", create("A"), create("B")))
    for name in ("default", "oracle", "sandbox", "crd"):
        assert speak(made, SHIPPED.named(name)) is made


def _from(offered: dict[str, Any], shown: dict[str, Any]) -> bool:
    """Whether a button is the offered one, or a part of it."""
    own = uuid.UUID(offered["uuid"])
    return shown["uuid"] in {offered["uuid"], *(str(uuid.uuid5(own, str(number))) for number in range(5))}


def _coupled(one: dict[str, Any], together: set[str]) -> bool:
    return one["uuid"] in together or any(action["type"] == "delete" for action in one["actions"])


words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=90).filter(lambda text: text.strip())
actions = st.one_of(words.map(create), words.map(delete))
buttons = st.builds(
    lambda label, one, recommended: button(
        label[:80].strip() or "x", *one, **({"isRecommended": True} if recommended else {})
    ),
    words,
    st.lists(actions, min_size=1, max_size=3),
    st.booleans(),
)


@given(
    st.lists(buttons, max_size=4), st.sampled_from(["any", "at-most-one"]), st.sampled_from(SHIPPED.names), st.data()
)
def test_whatever_is_composed_every_dialect_is_well_formed(
    offered: list[dict[str, Any]], selection: str, name: str, data: st.DataObject
) -> None:
    """The lint finds nothing, the composed card is not touched, every step is a button or said, and twice is the same."""
    if selection == "at-most-one":
        for one in offered[1:]:
            one.pop("isRecommended", None)
    together = {one["uuid"] for one in offered if data.draw(st.booleans())}
    made, profile = card(*offered, selection=selection), SHIPPED.named(name)
    before = copy.deepcopy(made)
    spoken = speak(made, profile, together=together)
    assert made == before
    assert spoken == speak(made, profile, together=together)
    assert faults_of({"cards": [spoken]}) == []
    shown = spoken.get("suggestions", [])
    if profile.suggestions.one_action:
        assert all(len(one["actions"]) == 1 for one in shown)
        assert spoken.get("selectionBehavior", "any") == "any"
    for one in offered:
        parts = [found for found in shown if _from(one, found)]
        steps = [action for part in parts for action in part["actions"]]
        if _coupled(one, together) or selection == "at-most-one":
            # As one button with all its steps, or as none, and then in words.
            assert [part["actions"] for part in parts] in ([one["actions"]], [])
            assert parts or "belong together" in spoken["detail"]
        else:
            assert steps == one["actions"]
    assert len({one["uuid"] for one in shown}) == len(shown)


def test_the_key_of_system_actions_is_there_where_a_client_must_see_it() -> None:
    """Inferno asks for an array on three hooks, an empty one too; the specification asks for no key without a value."""
    crd, default = SHIPPED.named("crd"), SHIPPED.named("default")
    for hook in ("appointment-book", "order-sign", "order-dispatch"):
        assert answer_of([], crd, hook=hook) == {"cards": [], "systemActions": []}
        assert answer_of([], default, hook=hook) == {"cards": []}
    assert answer_of([], crd, hook="patient-view") == {"cards": []}


def test_system_actions_leave_only_for_a_client_that_agreed_and_on_that_hook() -> None:
    """Off unless the profile says so."""
    agreed = changed(system_actions=SystemActions(hooks=("order-sign",)))
    acts = [create("Note the risk", "Flag")]
    assert answer_of([], agreed, hook="order-sign", system_actions=acts) == {"cards": [], "systemActions": acts}
    assert answer_of([], agreed, hook="patient-view", system_actions=acts) == {"cards": []}
    for name in SHIPPED.names:
        answer = answer_of([], SHIPPED.named(name), hook="patient-view", system_actions=acts)
        assert answer == {"cards": []}


def test_a_link_that_a_client_does_not_show_is_said_in_words() -> None:
    """The page keeps its address; of an app, only that it is not opened from here."""
    made = card(links=[PAGE, SMART])
    no_apps = speak(made, changed(links=Links(types=("absolute",))))
    assert no_apps["links"] == [PAGE]
    assert no_apps["detail"].endswith("**Risk app** is an app that is not opened from here.")
    neither = speak(made, changed(links=Links(types=())))
    assert "links" not in neither
    assert r"https\://doi\.org/10\.1001/x" in neither["detail"]
    assert faults_of({"cards": [neither]}) == []


def test_html_is_rendered_only_where_a_profile_says_so_and_raw_html_stays_text() -> None:
    """The extension says what it is; a script in a text is a text, and only web addresses are links."""
    html = changed("epic", detail=Detail(format="html", extension="com.epic.cdshooks.card.detail.content-type"))
    made = card(detail="**28** of 100 <script>alert(1)</script> [a](javascript:alert(1)) [b](https://x.example)")
    spoken = speak(made, html)
    assert spoken["extension"] == {"com.epic.cdshooks.card.detail.content-type": "text/html"}
    assert spoken["detail"].startswith("<p><strong>28</strong> of 100 &lt;script&gt;")
    assert 'href="javascript' not in spoken["detail"]
    assert '<a href="https://x.example">b</a>' in spoken["detail"]
    assert faults_of({"cards": [spoken]}) == []
    assert "extension" not in speak(made, SHIPPED.named("epic"))


@given(st.text(max_size=150))
def test_a_topic_code_is_always_the_same(code: str) -> None:
    """It keys a memory: the same code in, the same code out, of letters and digits, at most 100."""
    epic = SHIPPED.named("epic")
    made = topic_code(code, epic)
    assert made == topic_code(code, epic) == topic_code(made, epic)
    assert len(made) <= 100
    assert not made or (made.isascii() and made.isalnum())


@pytest.mark.parametrize("name", SHIPPED.names)
def test_a_card_without_buttons_stays_without(name: str) -> None:
    """Neither `suggestions` nor `selectionBehavior` appears."""
    assert speak(card(), SHIPPED.named(name)).keys() & {"suggestions", "selectionBehavior"} == set()
