"""A call in the words of the specification, whatever its client calls things."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from services.cds.clients.hear import hear
from services.cds.clients.profile import Prefetch, Profile, read_profiles
from services.cds.schemas import HookRequest

SHIPPED = read_profiles()
NONE: frozenset[str] = frozenset()


def call(*keys: str, extension: object = None, hook: str = "patient-view") -> HookRequest:
    """A call whose prefetch holds each key with its own name as the value."""
    return HookRequest(
        hook=hook, instance="i", patient="p", encounter="e", user="Practitioner/u", fhir_server="", fhir_token="",
        prefetch={key: msgspec.Raw(msgspec.json.encode(key)) for key in keys},
        extension=msgspec.Raw(msgspec.json.encode(extension)),
    )  # fmt: skip


def renaming(**keys: str) -> Profile:
    """The default profile of a site that calls our keys otherwise."""
    return msgspec.structs.replace(SHIPPED.named("default"), prefetch=Prefetch(keys=keys))


def heard(request: HookRequest, profile: Profile) -> dict[str, str]:
    """Our key → the name under which it came."""
    found = hear(request, profile, answered=NONE).prefetch
    return {key: msgspec.json.decode(value) for key, value in found.items()}


def test_nothing_is_copied_where_there_is_nothing_to_change() -> None:
    """The very same request, for every client without renamed keys and triggers."""
    request = call("patient")
    for name in ("default", "oracle", "sandbox", "crd"):
        assert hear(request, SHIPPED.named(name), answered=NONE) is request


def test_what_comes_under_the_clients_name_goes_before_what_comes_under_ours() -> None:
    """Whichever is first in the body; a key that is sent by our name alone is taken, too."""
    profile = renaming(patient="demographics")
    assert heard(call("patient", "demographics"), profile) == {"patient": "demographics"}
    assert heard(call("demographics", "patient"), profile) == {"patient": "demographics"}
    assert heard(call("patient", "-user"), profile) == {"patient": "patient", "-user": "-user"}


def test_two_keys_may_have_changed_their_names() -> None:
    """What the client calls `a` is our `b`, and the other way round."""
    assert heard(call("a", "b"), renaming(a="b", b="a")) == {"b": "a", "a": "b"}


@given(
    st.dictionaries(st.text(max_size=9), st.one_of(st.none(), st.integers(), st.text(max_size=5), st.lists(st.none())))
    | st.text(max_size=5)
    | st.none()
    | st.lists(st.integers()),
)
def test_whatever_an_extension_holds_the_call_is_heard(extension: object) -> None:
    """It is the client's own: no shape of it costs an answer, and none but a known trigger changes the hook."""
    request = call("patient", extension=extension)
    found = hear(request, SHIPPED.named("epic"), answered=frozenset({"encounter-discharge", "patient-view"}))
    assert (found.hook, found.prefetch) == ("patient-view", request.prefetch)


def test_a_trigger_stands_for_a_hook_only_where_the_service_answers_it() -> None:
    """Else the call stays what it is, and its moment is noted."""
    request = call(extension={"com.epic.cdshooks.request.bpa-trigger-action": 26})
    epic = SHIPPED.named("epic")
    assert hear(request, epic, answered=frozenset({"encounter-start"})).hook == "encounter-start"
    other = hear(request, epic, answered=frozenset({"patient-view"}))
    assert (other.hook, other.trigger) == ("patient-view", "IP Admission OPA section (26), on patient-view")
