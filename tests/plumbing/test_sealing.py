"""What is sealed is opened by its keys, for whom it was sealed, and by nobody and nowhere else."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.guidance.errors import Unavailable
from services.plumbing.sealing import Sealer, is_sealed
from services.timeline.errors import BadInput


def key() -> str:
    """One line of a key file."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


@given(st.text(max_size=200))
def test_what_was_sealed_is_opened(plain: str) -> None:
    """Whatever it was; sealed twice it looks another, and neither shows it."""
    sealer = Sealer.generate()
    first, second = (sealer.seal(plain, about="webhook\nann") for _ in range(2))
    assert sealer.open(first, about="webhook\nann") == plain
    assert first != second
    assert is_sealed(first)
    assert len(plain) < 8 or plain not in first


@given(st.integers(min_value=0, max_value=200), st.integers(min_value=1, max_value=255))
def test_an_altered_byte_is_refused(place: int, flip: int) -> None:
    """Nonce, text and tag alike."""
    sealer = Sealer.generate()
    prefix, kid, text = sealer.seal("gentle otters", about="x").split(":")
    raw = bytearray(base64.urlsafe_b64decode(text))
    raw[place % len(raw)] ^= flip
    with pytest.raises(Unavailable, match="altered"):
        sealer.open(f"{prefix}:{kid}:{base64.urlsafe_b64encode(raw).decode()}", about="x")


@pytest.mark.parametrize("text", ["", "sealed1:", "sealed1:00000000:AAAA", "whsec_AAAA", "sealed2:x:y"])
def test_what_is_no_sealed_text_is_refused(text: str) -> None:
    """With what to do, and without the text."""
    with pytest.raises(Unavailable) as refused:
        Sealer.generate().open(text, about="x")
    assert "backup" in refused.value.remedy
    assert not text or text not in refused.value.message


def test_it_opens_for_nobody_else() -> None:
    """A sealed text that is copied into somebody else's row is worth nothing there."""
    sealer = Sealer.generate()
    with pytest.raises(Unavailable, match="belongs to somebody else"):
        sealer.open(sealer.seal("x", about="password\nann"), about="password\nben")


def test_another_key_before_it_changes_the_key_without_a_gap() -> None:
    """The first seals, each opens; without the old one what it sealed stays shut."""
    old, new = key(), key()
    before = Sealer.of(old, place="x").seal("x", about="y")
    both = Sealer.of(f"{new}\n{old}\n", place="x")
    assert both.open(before, about="y") == "x"
    assert not both.is_current(before)
    after = both.seal("x", about="y")
    assert both.is_current(after)
    assert Sealer.of(new, place="x").open(after, about="y") == "x"
    with pytest.raises(Unavailable, match="not here"):
        Sealer.of(new, place="x").open(before, about="y")


@pytest.mark.parametrize("text", ["", "\n", "short", "é", base64.b64encode(bytes(16)).decode(), "!" * 44])
def test_no_key_is_refused(text: str) -> None:
    """And what was written is not repeated."""
    with pytest.raises(BadInput) as refused:
        Sealer.of(text, place="KNOWDO_REGISTRY_SEALING_KEYS")
    assert len(text) < 3 or text not in str(refused.value)


def test_the_key_file_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    """Others who can read it are a fault; what is no key stays as it is."""
    path = tmp_path / "registry" / "sealing-keys"
    kept = Sealer.load_or_create(path).seal("x", about="y")
    assert Sealer.load_or_create(path).open(kept, about="y") == "x"
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(BadInput, match="read by others"):
        Sealer.load_or_create(path)
