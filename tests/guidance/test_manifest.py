"""A manifest is a lease that names a release, a stage, a place, a policy and the head of the ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from services.guidance.errors import BadManifest
from services.guidance.manifest import (
    LEASES,
    LedgerHead,
    Manifest,
    RiskTier,
    Where,
    check_manifest,
    is_half_spent,
    new_manifest,
    policy_digest,
    policy_named,
    to_payload,
)
from services.guidance.release import canonical_json
from services.guidance.trial import Arm, Trial

TRIAL = Trial(
    id="tea-1",
    unit="encounter",
    seed="0a" * 32,
    arms=(Arm(name="show", weight=9, shows=True), Arm(name="withheld", weight=1, shows=False)),
)
NOW = datetime(2026, 11, 22, 14, 2, 7, 123456, tzinfo=UTC)
RELEASE = "sha256:" + "a" * 64


def manifest(*, risk_tier: RiskTier = "moderate", number: int = 7) -> Manifest:
    """A manifest of the pilot stage, issued now."""
    return new_manifest(
        deployment="d1",
        guidance="readmission-30d",
        release=RELEASE,
        stage="pilot",
        where=Where(sites=("north",), hooks=("encounter-discharge",)),
        policy=policy_named("demo", {"north": {"cooldown_hours": 12}}),
        risk_tier=risk_tier,
        ledger=LedgerHead(number, "b" * 64),
        issuer="https://registry.example",
        now=NOW,
    )


def payload(**change: Any) -> dict[str, Any]:
    """The payload of the manifest with some keys changed."""
    return {**to_payload(manifest()), **change}


def test_it_comes_back_as_it_was() -> None:
    """What is signed and what is read are the same thing."""
    assert check_manifest(to_payload(manifest()), NOW, 7) == manifest()


def test_the_payload_is_as_published() -> None:
    """The keys and spellings that the CDS and any other verifier rely on."""
    assert canonical_json(to_payload(manifest())).decode() == (
        '{"decided":0,"deployment":"d1","ends_at":null,"expires_at":"2026-11-22T18:02:07Z","fallback":null,"format":1,"guidance":"readmission-30d",'
        '"issued_at":"2026-11-22T14:02:07Z","issuer":"https://registry.example","ledger":{"hash":"' + "b" * 64 + '",'
        '"number":7},"policy":{"digest":"'
        + policy_digest("demo", {"north": {"cooldown_hours": 12}})
        + '","name":"demo",'
        '"overlay":{"north":{"cooldown_hours":12}}},"release":"'
        + RELEASE
        + '","replaces":[],"share":null,"stage":"pilot","starts_at":null,"typ":"knowdo-manifest",'
        '"where":{"hooks":["encounter-discharge"],"sites":["north"],"tenants":["*"]}}'
    )


def test_a_trial_is_signed_with_all_that_draws_its_arms() -> None:
    """It comes back as it was; a manifest from before there were trials has none, and shows everyone."""
    with_trial = msgspec.structs.replace(manifest(), trial=TRIAL)
    read = check_manifest(to_payload(with_trial), NOW, 7)
    assert read.in_trial == TRIAL
    assert msgspec.json.decode(canonical_json(to_payload(with_trial)))["trial"] == {
        "format": 1,
        "id": "tea-1",
        "unit": "encounter",
        "seed": "0a" * 32,
        "arms": [{"name": "show", "weight": 9, "shows": True}, {"name": "withheld", "weight": 1, "shows": False}],
    }
    assert check_manifest(payload(), NOW, 7).in_trial is None
    assert "trial" not in payload()


@pytest.mark.parametrize(("tier", "minutes"), [("high", 15), ("moderate", 240), ("low", 1440)])
def test_the_lease_is_as_long_as_the_risk_allows(tier: RiskTier, minutes: int) -> None:
    """15 minutes for a high risk, 4 hours for a moderate, 24 hours for a low one."""
    lease = manifest(risk_tier=tier)
    assert lease.seconds_left(lease.issued_at) == minutes * 60
    assert not is_half_spent(lease.issued_at, lease.expires_at, lease.issued_at + LEASES[tier] / 2)
    assert is_half_spent(lease.issued_at, lease.expires_at, lease.issued_at + LEASES[tier] / 2 + timedelta(seconds=1))


def test_a_lease_that_is_over_is_refused() -> None:
    """To the second, with the time at which it ended and what to do."""
    last = NOW.replace(microsecond=0) + LEASES["moderate"]
    assert check_manifest(payload(), last - timedelta(microseconds=1), 0)
    with pytest.raises(BadManifest, match="ended at 2026-11-22T18:02:07"):
        check_manifest(payload(), last, 0)


def test_a_ledger_that_went_backwards_is_refused() -> None:
    """Whoever has seen entry 8 takes nothing that was signed at entry 7; the same number is fine."""
    assert check_manifest(payload(), NOW, 7)
    with pytest.raises(BadManifest, match="went backwards"):
        check_manifest(payload(), NOW, 8)


def test_a_lease_from_the_future_is_refused_beyond_the_leeway_of_clocks() -> None:
    """Two minutes of clock difference are forgiven, an hour is not."""
    assert check_manifest(payload(), NOW - timedelta(minutes=1), 0)
    with pytest.raises(BadManifest, match="future"):
        check_manifest(payload(), NOW - timedelta(hours=1), 0)


@pytest.mark.parametrize(
    "change",
    [
        {"typ": "knowdo-ledger-head"},
        {"format": 2},
        {"stage": "registered"},
        {"release": "latest"},
        {"release": None},
        {"expires_at": "2027-11-22T14:02:07Z"},
        {"expires_at": "2026-11-22T14:02:06Z"},
        {"expires_at": "2026-11-22T18:02:07"},
        {"ledger": {"number": -1, "hash": "b" * 64}},
        {"policy": {"name": "demo", "digest": "sha256:" + "0" * 64, "overlay": {}}},
        {"more": 1},
        {"trial": None},
        {"trial": msgspec.to_builtins(TRIAL) | {"format": 2}},
        {"trial": msgspec.to_builtins(TRIAL) | {"more": 1}},
        {"trial": msgspec.to_builtins(TRIAL) | {"seed": "ab"}},
        {"trial": msgspec.to_builtins(TRIAL) | {"arms": []}},
    ],
)
def test_a_payload_that_is_no_manifest_is_refused(change: dict[str, Any]) -> None:
    """Another type, an unknown key, a lease of a year or without zone, a policy whose digest is not its own."""
    with pytest.raises(BadManifest):
        check_manifest(payload(**change), NOW, 0)


def test_it_covers_only_where_it_says() -> None:
    """A site and a hook that it does not name are not covered; `*` is every site."""
    where = manifest().where
    assert where.covers(site="north", hook="encounter-discharge")
    assert not where.covers(site="south", hook="encounter-discharge")
    assert not where.covers(site="north", hook="patient-view")
    assert Where(sites=("*",), hooks=("patient-view",)).covers(site="anywhere", hook="patient-view")


@pytest.mark.parametrize(
    ("stage", "runs", "speaks"),
    [
        ("silent", True, False),
        ("pilot", True, True),
        ("general", True, True),
        ("suspended", False, False),
        ("retired", False, False),
    ],
)
def test_only_pilot_and_general_speak(stage: str, runs: bool, speaks: bool) -> None:
    """Silent computes and says nothing; suspended and retired do not even compute."""
    read = check_manifest(payload(stage=stage), NOW, 0)
    assert (read.runs, read.speaks) == (runs, speaks)
