"""Client profiles: data that is read strictly, the shipped ones and a site's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.cds.clients.profile import Profile, read_profiles
from services.timeline.errors import BadInput

SHIPPED = read_profiles()


def test_five_profiles_are_shipped_each_with_its_source() -> None:
    """Any client, the two big EHRs, the Sandbox, and what Inferno's CRD tests want; where it is from stands beside."""
    assert SHIPPED.names == ["crd", "default", "epic", "oracle", "sandbox"]
    assert all(SHIPPED.named(name).source for name in SHIPPED.names)


def test_the_default_profile_does_as_the_specification_says() -> None:
    """Nothing differs, so that a card passes as it is."""
    default = SHIPPED.named("default")
    changed = {"name", "title", "source", "issuer", "key_set"}
    plain = Profile(name="x", title="x", source="x")
    assert all(
        getattr(default, name) == getattr(plain, name) for name in Profile.__struct_fields__ if name not in changed
    )
    assert default.takes_cards_as_they_are


def test_the_demos_client_does_as_the_specification_says() -> None:
    """It has a name of its own in the trust list and no habits."""
    assert SHIPPED.named("demo") is SHIPPED.named("default")


def test_system_actions_are_off_in_every_shipped_profile() -> None:
    """Only a site's own file can say that a client agreed to actions without a person."""
    assert not any(SHIPPED.named(name).system_actions.hooks for name in SHIPPED.names)


def test_an_unknown_name_is_a_fault_that_lists_the_known() -> None:
    """Start-up stops on a trust list with a misspelt profile."""
    with pytest.raises(BadInput, match="epic"):
        SHIPPED.named("epik")


def test_a_sites_file_writes_over_a_shipped_profile_key_by_key(tmp_path: Path) -> None:
    """`epic` that extends `epic` is the shipped one with what is different here; the others stay."""
    (tmp_path / "epic.yaml").write_text(
        "extends: epic\n"
        "prefetch: {keys: {patient: patientDemographics}}\n"
        "suggestions: {shown: label}\n"
        "audiences: ['https://proxy.example/cds']\n"
    )
    (tmp_path / "north.yaml").write_text("extends: epic\ntitle: North\nsystem_actions: {hooks: [order-sign]}\n")
    profiles = read_profiles(tmp_path)
    epic, north = profiles.named("epic"), profiles.named("north")
    assert epic.our_keys == {"patientDemographics": "patient"}
    assert (epic.suggestions.shown, epic.suggestions.one_action) == ("label", True)
    assert epic.audiences == ("https://proxy.example/cds",)
    assert north.prefetch == epic.prefetch
    assert (north.title, north.system_actions.hooks) == ("North", ("order-sign",))
    assert profiles.named("oracle") == SHIPPED.named("oracle")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("title: x\nsource: x\nsugestions: {one_action: true}\n", "sugestions"),
        ("title: x\nsource: x\nsuggestions: {one_acton: true}\n", "one_acton"),
        ("title: x\nsource: x\ntopic: {longest: 0}\n", "longest"),
        ("title: x\nsource: x\nlinks: {types: [relative]}\n", "links.types"),
        ("extends: default\nprefetch: {keys: {patient: p, encounter: p}}\n", "same name"),
        ("extends: default\ntriggers: {extension: x, hooks: {'5': order-sign}}\n", "no name: 5"),
        ("extends: default\ntriggers: {names: {'5': Section}}\n", "tells them apart"),
        ("extends: default\ndetail: {format: html}\n", "HTML needs"),
        ("title: x\n", "source"),
        ("extends: nobody\n", "nobody"),
        ("extends: [epic]\n", "no such profile"),
        ("extends: odd\n", "odd"),
        ("- list\n", "not an object"),
        ("a: [\n", "not YAML"),
    ],
)
def test_a_fault_in_a_profile_is_named_with_its_file(tmp_path: Path, text: str, says: str) -> None:
    """Unknown keys are faults: a misspelt rule would not be kept, and nobody would notice."""
    (tmp_path / "odd.yaml").write_text(text)
    with pytest.raises(BadInput, match=says) as caught:
        read_profiles(tmp_path)
    assert caught.value.place == "odd.yaml"


def test_profiles_that_extend_one_another_are_a_fault(tmp_path: Path) -> None:
    """No endless reading."""
    (tmp_path / "a.yaml").write_text("extends: b\n")
    (tmp_path / "b.yaml").write_text("extends: a\n")
    with pytest.raises(BadInput, match="circle"):
        read_profiles(tmp_path)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.sampled_from(["epic", "default", "own", "any"]),
    lambda part: (
        st.lists(part, max_size=3)
        | st.dictionaries(
            st.sampled_from([*Profile.__struct_fields__, "extends", "keys", "one_action", "behaviors"]) | st.text(max_size=4), part, max_size=5
        )
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(anything)
def test_a_file_of_a_site_is_a_profile_or_named_as_none(tmp_path: Path, content: Any) -> None:
    """Whatever YAML it holds: never another error, and the file is named."""
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8")
    assert _refused(tmp_path) in {"", "own.yaml", str(tmp_path)}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=40), st.text("{}[]:,-&*!|>%@`\"'#? \n\tab1é\x00\x85", max_size=30).map(str.encode)))
def test_a_file_that_is_no_yaml_is_named(tmp_path: Path, content: bytes) -> None:
    """Bytes of any kind, and YAML's own signs in any order."""
    (tmp_path / "own.yaml").write_bytes(content)
    assert _refused(tmp_path) in {"", "own.yaml", str(tmp_path)}


def _refused(folder: Path) -> str:
    """Where a folder of profiles is wrong; empty if it has a profile of its own."""
    try:
        profiles = read_profiles(folder)
    except BadInput as fault:
        return fault.place
    return "" if profiles.named("own").name == "own" else "another"
