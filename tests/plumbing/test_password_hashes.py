"""Passwords are hashed at OWASP's cost, and nobody's password takes as long as somebody's."""

from __future__ import annotations

import time

from services.plumbing.password_hashes import hash_password, is_outdated, password_fits


def test_the_right_password_fits_and_no_other() -> None:
    """Nor does anything fit what is no hash."""
    kept = hash_password("gentle otters paint slowly")
    assert password_fits(kept, "gentle otters paint slowly")
    assert not password_fits(kept, "gentle otters paint slowlY")
    assert not password_fits("plain text", "plain text")
    assert not password_fits("", "")
    assert not password_fits(None, "")


def test_the_cost_is_owasps() -> None:
    """argon2id with 19 MiB, two passes, one lane; a cheaper hash is outdated."""
    kept = hash_password("gentle otters paint slowly")
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert not is_outdated(kept)
    assert is_outdated(kept.replace("m=19456", "m=8192"))
    assert hash_password("gentle otters paint slowly") != kept


def test_no_account_takes_as_long_as_one() -> None:
    """Within a factor of two, on any machine: the same work is done."""
    kept = hash_password("gentle otters paint slowly")
    password_fits(None, "x")

    def seconds(hashed: str | None) -> float:
        spent = []
        for _ in range(7):
            began = time.process_time()
            password_fits(hashed, "another sentence that is long")
            spent.append(time.process_time() - began)
        return sorted(spent)[3]

    with_account, without = seconds(kept), seconds(None)
    assert 0.5 < with_account / without < 2
