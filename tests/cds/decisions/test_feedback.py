"""Feedback as clients send it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cds.clients.profile import read_profiles
from services.cds.decisions.feedback import MOST, Said, read_feedback
from services.cds.decisions.records import Feedback
from services.timeline.errors import BadInput
from tests.cds.records import NOON

PROFILES = read_profiles()
SPEC = {
    "card": "4e0a3a1e-3283-4575-ab82-028d55fe2719",
    "outcome": "overridden",
    "overrideReason": {
        "reason": {"code": "d7ecf885", "system": "https://example.com/cds-hooks/override-reason-system"},
        "userComment": "clinician entered comment",
    },
    "outcomeTimestamp": "2020-12-11T00:00:00Z",
}


def read(*entries: Any) -> list[Feedback]:
    """The entries that were kept."""
    return said_of(*entries).kept


def said_of(*entries: Any, profile: str = "default", service: str = "tea-time") -> Said:
    """The batch as a client of that profile sends it."""
    body = json.dumps({"feedback": list(entries)}).encode()
    return read_feedback(body, service=service, now=NOON, profile=PROFILES.named(profile))


def test_the_specifications_example_is_read() -> None:
    """Reason, comment, time."""
    said = read(SPEC)[0]
    assert said.card_uuid == SPEC["card"]
    assert said.override_reason == SPEC["overrideReason"]
    assert (said.comment, said.at) == ("clinician entered comment", 1_607_644_800_000_000)
    assert json.loads(said.raw) == SPEC


def test_nothing_of_the_specifications_examples_is_odd() -> None:
    """Accepted, overridden, overridden with a reason: what follows the schema is not noted."""
    accepted = {
        "card": SPEC["card"],
        "outcome": "accepted",
        "acceptedSuggestions": [{"id": "e56e1945-20b3-4393-8503-a1a20fd73152"}],
        "outcomeTimestamp": "2021-12-11T10:05:31Z",
    }
    plain = {name: value for name, value in SPEC.items() if name != "overrideReason"}
    said = said_of(SPEC, accepted, plain)
    assert (len(said.kept), said.faults, dict(said.odd)) == (3, [], {})


EPIC_REASON = {
    "reason": {"code": "contraindicated", "display": "bad", "system": "http://example.org/reasons"},
    "userComment": "User Entered Free Text",
}
EPIC_EXTENSION = {
    "extension": {
        "com.epic.cdshooks.feedback.overrideReason.reasonCategory": "45",
        "com.epic.cdshooks.feedback.overrideReason.reasonDisplay": "Does not meet criteria",
    },
    "userComment": "User Entered Free Text",
}


@pytest.mark.parametrize("reason", [EPIC_REASON, EPIC_EXTENSION], ids=["reason", "extension"])
def test_epics_dialect_is_read(reason: dict[str, Any]) -> None:
    """`overrideReasons` as one object, with a reason or with the extension of Epic's own build; an id that is no UUID."""
    entry = {
        "card": "123456",
        "outcome": "overridden",
        "outcomeTimestamp": "2022-05-19T19:44:04Z",
        "overrideReasons": reason,
    }
    said = said_of(entry, profile="epic")
    (kept,) = said.kept
    assert (kept.card_uuid, kept.override_reason, kept.comment) == ("123456", reason, "User Entered Free Text")
    assert dict(said.odd) == {}


def test_a_dialect_under_the_wrong_profile_is_kept_raw_and_noted() -> None:
    """The log asks whether the profile is right; nothing is lost."""
    entry = {
        "card": "123456",
        "outcome": "overridden",
        "outcomeTimestamp": "2022-05-19T19:44:04Z",
        "overrideReasons": EPIC_REASON,
    }
    said = said_of(entry, profile="default")
    (kept,) = said.kept
    assert (kept.override_reason, json.loads(kept.raw)) == (None, entry)
    assert set(said.odd) == {
        "the card's id is no UUID",
        "overrideReasons: not this client's name of a reason; is its profile right?",
    }


@pytest.mark.parametrize(
    ("change", "odd"),
    [
        ({"outcome": "accepted"}, "cds-fb-2"),
        ({"overrideReason": {"reason": None}}, "cds-fb-3"),
        ({"overrideReason": ["x"]}, "no object"),
        ({"outcomeTimestamp": ""}, "no outcomeTimestamp"),
        ({"card": "card-17"}, "no UUID"),
    ],
)
def test_what_leaves_the_schema_is_kept_and_noted(change: dict[str, Any], odd: str) -> None:
    """Real clients leave things out: the outcome is kept, and the log counts what was missing."""
    said = said_of(SPEC | change)
    assert len(said.kept) == 1
    assert any(odd in note for note in said.odd), said.odd


def test_ignored_is_never_taken_from_a_client() -> None:
    """The fault says so: it is found out by time-out."""
    said = said_of(SPEC | {"outcome": "ignored"})
    assert said.kept == []
    assert "time-out" in said.faults[0]


def test_the_implied_prefix_of_a_uuid_may_be_written_out() -> None:
    """The logical model knows `urn:uuid:`; the card is found all the same."""
    accepted = {
        "card": f"urn:uuid:{SPEC['card']}",
        "outcome": "accepted",
        "acceptedSuggestions": [{"id": "urn:uuid:s"}],
    }
    (kept,) = said_of(accepted).kept
    assert (kept.card_uuid, kept.accepted_suggestions) == (SPEC["card"], ["s"])


def test_a_repeat_is_known_as_one_however_it_is_spelt() -> None:
    """Idempotent: key order and spaces do not make it new, another service does."""
    one = read(SPEC)[0]
    again = read(dict(reversed(SPEC.items())))[0]
    (other,) = said_of(SPEC, service="coffee").kept
    assert one.feedback == again.feedback != other.feedback


def test_accepted_suggestions_are_kept() -> None:
    """Which buttons were pressed."""
    said = read({"card": "c", "outcome": "accepted", "acceptedSuggestions": [{"id": "s1"}, {"id": "s2"}]})[0]
    assert said.accepted_suggestions == ["s1", "s2"]


def test_one_bad_entry_does_not_cost_the_others() -> None:
    """The good are kept, the bad are named by their place."""
    said = said_of(SPEC, {"card": "x"}, {"card": "y", "outcome": "gone"}, 7)
    assert len(said.kept) == 1
    assert [fault.split(":")[0] for fault in said.faults] == ["$.feedback[1]", "$.feedback[2].outcome", "$.feedback[3]"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"feedback":{}}', b'{"feedback":null}', b"\xff"])
def test_a_body_that_is_no_feedback_is_bad_input(body: bytes) -> None:
    """The object with its array is required."""
    with pytest.raises(BadInput):
        read_feedback(body, service="tea-time", now=NOON, profile=PROFILES.named("default"))


def test_a_batch_is_bounded() -> None:
    """Nobody fills the database with one call."""
    with pytest.raises(BadInput, match="more than"):
        read(*[SPEC] * (MOST + 1))


anything = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=5), part, max_size=3),
    max_leaves=8,
)


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["card", "outcome", "acceptedSuggestions", "overrideReason", "outcomeTimestamp", "x"]),
            anything | st.sampled_from(["accepted", "overridden", "2020-01-01"]),
        ),
        max_size=4,
    )
)
def test_whatever_is_sent_each_entry_is_kept_or_named(entries: list[dict[str, Any]]) -> None:
    """No entry vanishes, none breaks the call."""
    for profile in PROFILES.names:
        said = said_of(*entries, profile=profile)
        assert len(said.kept) + len(said.faults) == len(entries)
        assert all(fault.startswith("$.feedback[") for fault in said.faults)


@given(st.one_of(st.binary(max_size=60), st.text('{}[]":,feedback\\u0d8nul1.-e \n', max_size=60).map(str.encode)))
def test_no_bytes_are_a_fault_of_ours(body: bytes) -> None:
    """A batch, or a refusal that says where."""
    try:
        said = read_feedback(body, service="tea-time", now=NOON, profile=PROFILES.named("epic"))
    except BadInput as fault:
        refused = fault.place
    else:
        refused = "" if not said.kept else "kept"
    assert refused == "" or refused == "body" or refused.startswith("$")


@pytest.mark.parametrize("key", ["card", "outcome", "acceptedSuggestions", "outcomeTimestamp"])
@pytest.mark.parametrize("value", [7, True, {"a": 1}, [1]])
def test_a_wrong_type_is_named_by_its_json_path(key: str, value: Any) -> None:
    """In the entry where it stands; the entry beside it is kept."""
    said = said_of(SPEC, SPEC | {"card": "c-2", key: value})
    assert len(said.kept) == 1
    (fault,) = said.faults
    assert fault.startswith(f"$.feedback[1].{key}")


@pytest.mark.parametrize("depth", [10, 300, *range(900, 1000, 3), 5000])
def test_an_entry_that_is_nested_deeply_is_kept_or_refused(depth: int) -> None:
    """At no depth does it break the batch: neither while it is read nor while its repeat is looked for."""
    entry = json.dumps(SPEC)[:-1] + ',"extension":' + "[" * depth + "]" * depth + "}"
    try:
        said = read_feedback(
            f'{{"feedback":[{entry}]}}'.encode(), service="tea-time", now=NOON, profile=PROFILES.named("default")
        )
    except BadInput:
        return
    assert len(said.kept) + len(said.faults) == 1
