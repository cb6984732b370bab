"""The key that signs is changed without a gap: the next is known before it signs, the old until its last lease is over."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.guidance.errors import Refused
from services.guidance.manifest import LONGEST_LEASE
from services.plumbing.keys import SigningKey, sign, verify
from services.registry.app import read_public_keys
from services.registry.commands import app
from services.registry.deployed.signing_keys import announce, known_keys, retire
from services.registry.settings import RegistrySettings
from services.timeline.errors import BadInput
from tests.registry.conftest import NOW


@pytest.fixture
def settings(tmp_path: Path) -> RegistrySettings:
    """A registry in a folder of its own."""
    return RegistrySettings(var=tmp_path)


def test_what_is_announced_is_trusted_before_it_signs_and_what_signed_after(settings: RegistrySettings) -> None:
    """Nothing that either key signs is refused by who has the keys of that moment."""
    old = SigningKey.load_or_create(settings.key_path)
    with pytest.raises(Refused, match="no next key"):
        retire(settings, old.kid, NOW)
    announced = announce(settings)
    with pytest.raises(Refused, match="already"):
        announce(settings)
    handed_over = read_public_keys(settings)
    with pytest.raises(BadInput, match="does not sign"):
        retire(settings, announced.kid, NOW)
    retire(settings, old.kid, NOW)
    new = SigningKey.load_or_create(settings.key_path)
    assert new.kid == announced.kid
    for key in (old, new):
        assert verify(sign({"a": 1}, key), handed_over) == {"a": 1}
    uses = {one.kid: one.use for one in known_keys(settings, NOW)}
    assert uses == {new.kid: "signs", old.kid: "former"}
    assert [one.kid for one in known_keys(settings, NOW + LONGEST_LEASE + timedelta(seconds=1))] == [new.kid]


@pytest.mark.parametrize("begins", ["", "-"], ids=["any", "a hyphen"])
def test_by_command(tmp_path: Path, begins: str) -> None:
    """Listed, announced, retired, also where its id begins with a hyphen; and what was shown before is shown as before."""
    path = RegistrySettings(var=tmp_path).key_path
    while not SigningKey.load_or_create(path).kid.startswith(begins):
        path.unlink()
    run, environment = CliRunner(), {"KNOWDO_VAR": str(tmp_path)}

    def said(*words: str) -> str:
        result = run.invoke(app, ["keys", *words], env=environment, catch_exceptions=False)
        assert result.exit_code == 0
        return result.stdout

    (first,) = json.loads(said("list", "--json"))
    assert json.loads(said("add", "--json"))["use"] == "announced"
    assert len(json.loads(said())["keys"]) == 2
    assert json.loads(said("retire", first["kid"], "--json"))["use"] == "former"
    assert [one["use"] for one in json.loads(said("list", "--json"))] == ["signs", "former"]
