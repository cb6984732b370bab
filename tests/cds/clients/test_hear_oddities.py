"""A call in the words of the specification: whatever a client sends beside it, it is understood or read over."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cds.clients.hear import hear
from services.cds.clients.profile import Prefetch, Profile, Triggers, read_profiles
from services.cds.schemas import HookRequest, read_hook_request

SHIPPED = read_profiles()
EPIC = SHIPPED.named("epic")
ANSWERED = frozenset({"patient-view", "order-sign"})
TRIGGER = EPIC.triggers.extension

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8) | st.sampled_from(sorted(EPIC.triggers.names)),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=8) | st.just(TRIGGER), part, max_size=3),
    max_leaves=8,
)  # fmt: skip


def call(extension: Any = None, **prefetch: Any) -> HookRequest:
    """A call of a chart that was opened."""
    body = {
        "hook": "patient-view", "hookInstance": "i", "context": {"patientId": "p1", "userId": "Practitioner/u"},
        "prefetch": prefetch, "extension": extension,
    }  # fmt: skip
    return read_hook_request(json.dumps(body).encode())


@given(st.one_of(values, values.map(lambda value: {TRIGGER: value})), st.sampled_from(SHIPPED.names))
def test_no_extension_makes_a_call_another_than_it_can_be(extension: Any, name: str) -> None:
    """Its hook stays, or is one that is answered; the trigger holds a name of the profile, never the client's own text."""
    profile = SHIPPED.named(name)
    heard = hear(call(extension), profile, answered=ANSWERED)
    assert heard.hook in {"patient-view", *ANSWERED}
    named = {f"{said} ({value}), on patient-view" for value, said in profile.triggers.names.items()}
    assert heard.trigger in {"", *named}
    if heard.hook != "patient-view":
        assert heard.trigger
    assert heard.patient == "p1"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"nul",
        b"{",
        b'{"a":}',
        b"\xff",
        b'{"' + TRIGGER.encode() + b'":' + b"[" * 3000,
        b"[" * 100_000,
        b'"\\ud800"',
    ],
)
def test_an_extension_that_cannot_be_read_says_nothing(raw: bytes) -> None:
    """It is the client's own; the call is heard without it."""
    request = msgspec.structs.replace(call(), extension=msgspec.Raw(raw))
    heard = hear(request, EPIC, answered=ANSWERED)
    assert (heard.hook, heard.trigger) == ("patient-view", "")


@given(
    # Two of our keys never have one name at the client: a profile that says so is refused.
    st.dictionaries(st.text(min_size=1, max_size=4), st.text(min_size=1, max_size=4), max_size=4).filter(
        lambda keys: len(set(keys.values())) == len(keys)
    ),
    st.dictionaries(st.text(max_size=4), st.integers(), max_size=6),
)
def test_renamed_keys_come_back_to_ours_and_nothing_is_lost(keys: dict[str, str], sent: dict[str, int]) -> None:
    """What the client calls by its own names is called by ours; the other keys stay as they are."""
    profile = Profile(name="x", title="x", source="x", prefetch=Prefetch(keys=keys), triggers=Triggers())
    heard = hear(call(**sent), profile, answered=ANSWERED)
    theirs = {their: our for our, their in keys.items()}
    for key, value in heard.prefetch.items():
        assert any(theirs.get(one, one) == key and sent[one] == json.loads(bytes(value)) for one in sent)
    assert {theirs.get(one, one) for one in sent} == set(heard.prefetch)
