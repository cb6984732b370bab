"""Of several releases side by side one answers each call: the same one at every worker, and exactly the share that was decided."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.guidance.choosing import Call, choose, choose_beside, why_none
from services.guidance.manifest import LedgerHead, Manifest, Share, Where, policy_named

NOW = datetime(2026, 11, 22, 14, 2, 7, tzinfo=UTC)
SEED = "ab" * 32


def manifest(deployment: str, **changes: Any) -> Manifest:
    """General, everywhere, for everybody, unless changed."""
    where = Where(sites=changes.pop("sites", ("*",)), hooks=("patient-view",), tenants=changes.pop("tenants", ("*",)))
    share = changes.pop("of_10000", 0)
    fields: dict[str, Any] = {
        "deployment": deployment, "guidance": "small", "release": "sha256:" + "a" * 64, "stage": "general",
        "where": where, "policy": policy_named("standard", {}), "issued_at": NOW, "expires_at": NOW + timedelta(hours=1),
        "ledger": LedgerHead(number=9, hash="0" * 64), "issuer": "https://registry.example",
        "share": Share(share, SEED) if share else None,
    }  # fmt: skip
    return Manifest(**(fields | changes))


def call(**changes: str) -> Call:
    """From the north, about one patient."""
    return Call(**({"site": "north", "tenant": "t1", "hook": "patient-view", "patient": "p1"} | changes))


def chosen(manifests: list[Manifest], asked: Call, now: datetime = NOW) -> str:
    """The deployment that answers; empty if none."""
    found = choose(manifests, asked, now)
    return found.deployment if found is not None else ""


def beside(manifests: list[Manifest], asked: Call) -> str:
    """The deployment that computes beside the one that answers; empty if none."""
    answers = choose(manifests, asked, NOW)
    found = choose_beside(manifests, answers, asked, NOW) if answers is not None else None
    return found.deployment if found is not None else ""


def test_a_share_is_a_share_and_the_rest_has_the_other() -> None:
    """Of 20,000 patients 5 % within five standard errors, the same each time, whatever the order of the manifests."""
    both = [manifest("base", decided=1), manifest("canary", decided=2, stage="pilot", of_10000=500)]
    first = {f"p{n}": chosen(both, call(patient=f"p{n}")) for n in range(20_000)}
    assert first == {name: chosen(both[::-1], call(patient=name)) for name in first}
    tried = sum(one == "canary" for one in first.values())
    assert abs(tried - 1000) < 5 * (20_000 * 0.05 * 0.95) ** 0.5
    assert set(first.values()) == {"base", "canary"}


def test_who_is_among_a_small_share_is_among_a_larger_one() -> None:
    """Nobody goes back when a pilot is widened; and two shares side by side overlap in nobody."""
    patients = [f"p{n}" for n in range(3000)]
    few, many = ([manifest("canary", stage="pilot", of_10000=share)] for share in (500, 2500))
    assert {p for p in patients if chosen(few, call(patient=p))} < {
        p for p in patients if chosen(many, call(patient=p))
    }
    two = [*many, manifest("second", decided=5, stage="pilot", of_10000=2500)]
    share = sum(chosen(two, call(patient=p)) != "" for p in patients) / len(patients)
    assert abs(share - 0.5) < 0.05


@pytest.mark.parametrize(
    ("asked", "answers"),
    [
        (call(site="north"), "north"),
        (call(site="south"), "tenant"),
        (call(site="south", tenant="t2"), "newer"),
        (call(hook="order-sign"), ""),
    ],
)
def test_the_narrowest_place_counts_and_then_the_newest_decision(asked: Call, answers: str) -> None:
    """A site's own release, else a tenant's, else what was decided last for all."""
    manifests = [
        manifest("older", decided=1), manifest("newer", decided=4), manifest("north", decided=2, sites=("north",)),
        manifest("tenant", decided=3, tenants=("t1",)),
    ]  # fmt: skip
    assert chosen(manifests, asked) == answers


def test_a_window_opens_and_closes() -> None:
    """Before and after it the other answers."""
    hour = timedelta(hours=1)
    both = [manifest("base", decided=1), manifest("timed", decided=2, starts_at=NOW, ends_at=NOW + hour)]
    at = [NOW - hour, NOW, NOW + hour]
    assert [chosen(both, call(), now) for now in at] == ["base", "timed", "base"]


def test_a_silent_release_answers_only_where_none_speaks() -> None:
    """One answer for each call, and of those who speak."""
    both = [manifest("silent", stage="silent", decided=9), manifest("north", sites=("north",), decided=1)]
    assert (chosen(both, call()), chosen(both, call(site="south"))) == ("north", "silent")


def test_where_one_speaks_one_silent_release_computes_beside_it() -> None:
    """Not where it answers itself; of several the newest decision; not where none of it is in place or time."""
    base, silent = manifest("base", decided=1), manifest("silent", stage="silent", decided=2)
    other, later = (manifest(name, stage="silent", decided=3, **more) for name, more in (
        ("other", {"sites": ("south",)}), ("later", {"starts_at": NOW + timedelta(days=1)})
    ))  # fmt: skip
    everything = [base, silent, other, later]
    assert beside(everything, call()) == "silent"
    assert beside(everything, call(site="south")) == "other"  # decided for that very site
    assert beside([silent, other], call()) == ""  # it answers
    assert beside([base, later], call()) == ""
    assert beside([manifest("base", stage="suspended", release=None), silent], call()) == ""


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["silent", "pilot", "general", "suspended"]), st.sampled_from([("*",), ("north",), ("south",)]),
            st.integers(0, 3), st.sampled_from([0, 0, 5000]),
        ),
        max_size=6,
    ),
    st.integers(0, 30),
)  # fmt: skip
def test_what_computes_beside_never_speaks_and_never_answers(
    drawn: list[tuple[str, tuple[str, ...], int, int]], patient: int
) -> None:
    """Whatever is deployed: a silent one, another than the answer's; and there is one exactly if both are there."""
    held = [
        manifest(f"d{number}", stage=stage, sites=sites, decided=decided, of_10000=share if stage == "pilot" else 0)
        for number, (stage, sites, decided, share) in enumerate(drawn)
    ]
    asked = call(patient=f"p{patient}")
    answers = choose(held, asked, NOW)
    computes = choose_beside(held, answers, asked, NOW) if answers is not None else None
    here = [one for one in held if one.stage == "silent" and "south" not in one.where.sites]
    assert (computes is not None) == (bool(here) and answers is not None and answers.speaks)
    if computes is not None:
        assert computes in here
        assert computes is not answers


@pytest.mark.parametrize(
    ("manifests", "why"),
    [
        ([manifest("a", stage="suspended", release=None)], "suspended"),
        ([manifest("a", sites=("south",))], "not approved for patient-view at this site"),
        ([manifest("a", starts_at=NOW + timedelta(days=1))], "its time has not begun, or is over"),
        ([manifest("a", stage="pilot", of_10000=1)], "not among the 0.01 % of patients with whom it is tried"),
    ],
)
def test_why_nothing_answers_is_said(manifests: list[Manifest], why: str) -> None:
    """It is the reason that the decision keeps."""
    assert choose(manifests, call(), NOW) is None
    assert why_none(manifests, call(), NOW) == why
