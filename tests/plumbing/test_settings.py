"""The base of settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from services.plumbing.settings import ServiceSettings
from services.timeline.errors import BadInput


class TeaSettings(ServiceSettings):
    """Settings of a tea service."""

    model_config = SettingsConfigDict(env_prefix="KNOWDO_TEA_", extra="ignore", frozen=True, validate_by_name=True)
    cups: int = 1
    token: SecretStr | None = None


def test_environment_fills_settings_common_and_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Common settings have the common prefix, a service's own have its prefix."""
    monkeypatch.setenv("KNOWDO_VAR", str(tmp_path))
    monkeypatch.setenv("KNOWDO_TEA_CUPS", "3")
    settings = TeaSettings.from_environment()
    assert (settings.var, settings.cups, settings.demo) == (tmp_path, 3, False)


def test_a_secret_comes_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`…_FILE` names the file that holds the value, as containers mount secrets."""
    (tmp_path / "token").write_text("s3cret\n")
    monkeypatch.setenv("KNOWDO_TEA_TOKEN_FILE", str(tmp_path / "token"))
    token = TeaSettings.from_environment().token
    assert token is not None
    assert token.get_secret_value() == "s3cret"


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("KNOWDO_TEA_CUP", "3", "KNOWDO_TEA_CUP"),
        ("KNOWDO_TEA_CUPS", "three", "cups"),
        ("KNOWDO_TEA_TOKEN_FILE", "/nowhere/token", "/nowhere/token"),
    ],
)
def test_a_misspelt_or_wrong_setting_is_a_fault_that_names_it(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    """A setting that does nothing would be believed to do something."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(BadInput, match=said):
        TeaSettings.from_environment()


def test_what_the_code_says_wins() -> None:
    """Tests and the all-in-one give settings by name."""
    assert TeaSettings(cups=2, demo=True).demo
