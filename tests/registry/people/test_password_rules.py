"""Long passwords are taken as they are; what everybody tries first is not."""

from __future__ import annotations

import pytest

from services.registry.people.password_rules import checked_password
from services.timeline.errors import BadInput


@pytest.mark.parametrize(
    "password",
    [
        "gentle otters paint slowly",
        "  spaces   count   too  ",
        "пингвины любят варенье",
        "ＧＥＮＴＬＥ otters 12",
        "x7#Qd9!mLw2$",
        "🐧 waddles on the ice",
        "a" * 3 + "gentle otters paint slowly" * 4,
    ],
)
def test_long_and_unusual_is_taken(password: str) -> None:
    """Of any script, with spaces and signs, without rules about which."""
    assert len(checked_password(password, name="Ann Clinical")) >= 12


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("elevenchars", "letters"),
        ("x" * 129, "letters"),
        ("", "letters"),
        ("aaaaaaaaaaaa", "neighbouring"),
        ("abababababab", "neighbouring"),
        ("123456789012", "neighbouring"),
        ("abcdefghijklm", "neighbouring"),
        ("987654321098", "neighbouring"),
        ("password1234", "first"),
        ("P@ssw0rd!!!!", "first"),
        ("passwordpassword", "first"),
        ("Hospital2026!", "first"),
        ("CorrectHorseBatteryStaple", "first"),
        ("20261122140207", "first"),
        ("Ann Clinical 1", "name"),
        ("annclinical12", "name"),
        ("gentle otters\x00 paint", "control"),
    ],
)
def test_what_is_tried_first_is_refused(password: str, why: str) -> None:
    """With the rule, and without the password in what is said."""
    with pytest.raises(BadInput, match=why) as refused:
        checked_password(password, name="Ann Clinical")
    assert not password or password not in str(refused.value)


def test_every_keyboard_gives_the_same_password() -> None:
    """Full-width letters and composed accents are one form."""
    assert checked_password("ｇentle café otters", name="x") == checked_password("gentle cafe\u0301 otters", name="x")
