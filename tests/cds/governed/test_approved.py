"""Only what the registry signed speaks, only byte for byte, only while its lease runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog

from services.cds.advice.suppress import Quiet, Snoozed
from services.cds.governed.approved import Approved
from services.cds.governed.approved_files import ApprovedFiles, read_keys
from services.guidance.errors import BadManifest, BadRelease, NotFound, Unavailable
from services.guidance.manifest import LedgerHead, policy_named
from services.guidance.release import pack
from services.plumbing.keys import SigningKey
from services.plumbing.registry_messages import Head, SignedManifests
from services.timeline.errors import BadInput
from tests.cds.fake_registry import FakeRegistry
from tests.cds.records import HOUR
from tests.cds.tea import MODEL, tea_bundle, withheld

pytestmark = pytest.mark.anyio


class Clock:
    """A clock that can be moved."""

    ahead = timedelta(0)

    def __call__(self) -> datetime:
        """Now, and what it was moved by."""
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def registry() -> FakeRegistry:
    """A registry that has approved nothing."""
    return FakeRegistry()


@pytest.fixture
def open_approved(registry: FakeRegistry, tmp_path: Path) -> Callable[[], Approved]:
    """Start (again) with the folder that is there."""

    def start() -> Approved:
        return Approved(files=ApprovedFiles(tmp_path / "approved"), keys=registry.keys())

    return start


async def hear(approved: Approved, registry: FakeRegistry) -> None:
    """Take what the registry says now."""
    head = Head(number=registry.number, hash=f"{registry.number:064x}")
    await approved.take(SignedManifests(head=head, manifests=tuple(registry.signed.values())), registry.client())


async def test_what_is_signed_and_whole_is_found(registry: FakeRegistry, open_approved: Callable[[], Approved]) -> None:
    """Manifest verified, release opened; another id is not found."""
    approved = open_approved()
    registry.deploy(tea_bundle())
    await hear(approved, registry)
    deployed = approved.find("tea-time")
    assert deployed.release is not None
    assert deployed.release.digest == tea_bundle().digest
    with pytest.raises(NotFound):
        approved.find("coffee")


async def test_a_flipped_byte_silences_its_guidance(
    registry: FakeRegistry, open_approved: Callable[[], Approved]
) -> None:
    """Any byte of the bundle: not served, loudly."""
    bundle = tea_bundle()
    data = pack(bundle)
    registry.deploy(bundle)
    # In the model's numbers, in a file's name, in the manifest: each is noticed.
    for place in (data.index(b'"intercept": -2.5') + 14, data.index(b"model.json") + 1, data.index(b'"version"') + 2):
        approved = open_approved()
        registry.bundles[bundle.digest] = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        with structlog.testing.capture_logs() as lines:
            await hear(approved, registry)
        with pytest.raises(BadRelease):
            approved.find("tea-time")
        assert any(line["log_level"] == "error" for line in lines)


async def test_another_release_under_the_approved_digest_is_refused(
    registry: FakeRegistry, open_approved: Callable[[], Approved]
) -> None:
    """A bundle that is whole, but not the one that was approved."""
    approved = open_approved()
    bundle = tea_bundle()
    registry.deploy(bundle)
    registry.bundles[bundle.digest] = pack(tea_bundle(**MODEL | {"intercept": 3.0}))
    await hear(approved, registry)
    with pytest.raises(BadRelease):
        approved.find("tea-time")


async def test_a_manifest_of_another_key_is_refused(
    registry: FakeRegistry, open_approved: Callable[[], Approved]
) -> None:
    """Whoever signed it is not the registry that was pinned."""
    approved = open_approved()
    registry.deploy(tea_bundle(), key=SigningKey.generate())
    await hear(approved, registry)
    with pytest.raises(NotFound):
        approved.find("tea-time")


@pytest.mark.parametrize("spoil", ["unsigned", "payload", "garbage"])
async def test_a_manifest_that_is_unsigned_or_altered_is_refused(
    registry: FakeRegistry, open_approved: Callable[[], Approved], spoil: str
) -> None:
    """`alg: none`, another payload under the signature, and no token at all."""
    approved = open_approved()
    registry.deploy(tea_bundle())
    header, payload, signature = registry.signed["tea-time"].split(".")
    registry.signed["tea-time"] = {
        "unsigned": f"eyJhbGciOiJub25lIn0.{payload}.",
        "payload": f"{header}.{payload[:-4]}AAAA.{signature}",
        "garbage": "not a token",
    }[spoil]
    await hear(approved, registry)
    with pytest.raises(NotFound):
        approved.find("tea-time")


async def test_what_was_approved_speaks_on_when_a_forgery_comes(
    registry: FakeRegistry, open_approved: Callable[[], Approved]
) -> None:
    """Nobody silences a guidance by sending rubbish."""
    approved = open_approved()
    registry.deploy(tea_bundle())
    await hear(approved, registry)
    registry.sign(guidance="tea-time", release=None, stage="retired", key=SigningKey.generate())
    await hear(approved, registry)
    assert approved.find("tea-time").manifest.stage == "general"


async def test_an_expired_manifest_is_not_served(registry: FakeRegistry, tmp_path: Path) -> None:
    """The lease is over: BadManifest, until it is renewed."""
    clock = Clock()
    approved = Approved(files=ApprovedFiles(tmp_path), keys=registry.keys(), clock=clock)
    registry.deploy(tea_bundle(), seconds=60)
    await hear(approved, registry)
    clock.ahead = timedelta(seconds=61)
    with pytest.raises(BadManifest, match="lease ended"):
        approved.find("tea-time")
    registry.deploy(tea_bundle(), seconds=3600)
    await hear(approved, registry)
    assert approved.find("tea-time").release is not None


async def test_a_manifest_that_comes_expired_is_refused(
    registry: FakeRegistry, open_approved: Callable[[], Approved]
) -> None:
    """It is not even taken."""
    approved = open_approved()
    registry.deploy(tea_bundle(), issued_at=datetime.now(UTC) - timedelta(hours=2))
    await hear(approved, registry)
    with pytest.raises(NotFound):
        approved.find("tea-time")


async def test_a_ledger_that_went_backwards_is_refused_even_after_a_restart(
    registry: FakeRegistry, open_approved: Callable[[], Approved]
) -> None:
    """The number that was seen is kept on the disk; a cut ledger, or another of the same length, is noticed."""
    approved = open_approved()
    registry.deploy(tea_bundle())
    registry.sign(guidance="tea-time", release=tea_bundle().digest, stage="suspended")
    await hear(approved, registry)
    for again in (approved, open_approved()):
        await again.load()
        for head in (Head(number=1, hash=f"{1:064x}"), Head(number=2, hash="f" * 64)):
            with pytest.raises(BadManifest, match="backwards"):
                await again.take(SignedManifests(head=head, manifests=()), registry.client())


async def test_a_signed_manifest_of_another_ledger_is_refused(
    registry: FakeRegistry, open_approved: Callable[[], Approved]
) -> None:
    """The same key, the same number, another hash: the ledger was rewritten."""
    approved = open_approved()
    registry.deploy(tea_bundle())
    await hear(approved, registry)
    registry.deploy(tea_bundle(), stage="pilot", ledger=LedgerHead(number=1, hash="e" * 64))
    await hear(approved, registry)
    assert approved.find("tea-time").manifest.stage == "general"


async def test_a_head_that_nobody_signed_does_not_move_what_was_seen(
    registry: FakeRegistry, open_approved: Callable[[], Approved]
) -> None:
    """Else anyone between us and the registry could make its true word look old."""
    approved = open_approved()
    registry.deploy(tea_bundle())
    far = SignedManifests(head=Head(number=10**9, hash="d" * 64), manifests=tuple(registry.signed.values()))
    await approved.take(far, registry.client())
    registry.sign(guidance="tea-time", release=tea_bundle().digest, stage="suspended")
    await hear(approved, registry)
    assert approved.find("tea-time").manifest.stage == "suspended"


async def test_an_older_manifest_does_not_bring_back_what_was_stopped(
    registry: FakeRegistry, open_approved: Callable[[], Approved]
) -> None:
    """A replayed lease from before the stop is refused, although it still runs."""
    approved = open_approved()
    registry.deploy(tea_bundle())
    before = registry.signed["tea-time"]
    registry.sign(guidance="tea-time", release=tea_bundle().digest, stage="suspended")
    await hear(approved, registry)
    registry.signed["tea-time"] = before
    await hear(approved, registry)
    assert approved.find("tea-time").manifest.stage == "suspended"


async def test_a_restart_without_registry_serves_on_until_the_lease_ends(
    registry: FakeRegistry, tmp_path: Path
) -> None:
    """From the disk, verified anew; after the lease it is 503, not 404: it was approved, and is not now."""
    files = ApprovedFiles(tmp_path)
    approved = Approved(files=files, keys=registry.keys())
    registry.deploy(tea_bundle(), seconds=60)
    await hear(approved, registry)
    clock = Clock()
    again = Approved(files=files, keys=registry.keys(), clock=clock)
    await again.load()
    assert again.find("tea-time").release is not None
    clock.ahead = timedelta(seconds=61)
    with pytest.raises(BadManifest):
        again.find("tea-time")
    late = Approved(files=files, keys=registry.keys(), clock=clock)
    await late.load()
    with pytest.raises(BadManifest):
        late.find("tea-time")


async def test_a_kept_bundle_that_rotted_is_not_served_and_is_fetched_again(
    registry: FakeRegistry, tmp_path: Path
) -> None:
    """The disk is not believed either."""
    files = ApprovedFiles(tmp_path)
    approved = Approved(files=files, keys=registry.keys())
    registry.deploy(tea_bundle())
    await hear(approved, registry)
    (kept,) = (tmp_path / "bundles").glob("*.zip")
    kept.write_bytes(kept.read_bytes()[:-7])
    again = Approved(files=files, keys=registry.keys())
    await again.load()
    with pytest.raises(BadRelease):
        again.find("tea-time")
    await hear(again, registry)
    assert again.find("tea-time").release is not None


async def test_keys_of_another_registry_open_nothing_that_was_kept(registry: FakeRegistry, tmp_path: Path) -> None:
    """Manifests on the disk are verified with the pinned keys, at every start."""
    files = ApprovedFiles(tmp_path)
    approved = Approved(files=files, keys=registry.keys())
    registry.deploy(tea_bundle())
    await hear(approved, registry)
    for keys in (FakeRegistry().keys(), None):
        other = Approved(files=files, keys=keys)
        await other.load()
        with pytest.raises(NotFound):
            other.find("tea-time")


async def test_a_release_that_cannot_be_had_leaves_the_one_before_speaking(
    registry: FakeRegistry, open_approved: Callable[[], Approved]
) -> None:
    """Until its lease ends; when the new one can be had, it speaks."""
    approved = open_approved()
    registry.deploy(tea_bundle())
    await hear(approved, registry)
    new = tea_bundle(**MODEL | {"intercept": -2.0})
    registry.deploy(new)
    data = registry.bundles.pop(new.digest)
    await hear(approved, registry)
    release = approved.find("tea-time").release
    assert release is not None
    assert release.digest == tea_bundle().digest
    registry.bundles[new.digest] = data
    await hear(approved, registry)
    release = approved.find("tea-time").release
    assert release is not None
    assert release.digest == new.digest


async def test_only_bundles_in_use_are_kept(registry: FakeRegistry, tmp_path: Path) -> None:
    """The cache does not grow with history."""
    approved = Approved(files=ApprovedFiles(tmp_path), keys=registry.keys())
    for number in range(3):
        registry.deploy(tea_bundle(**MODEL | {"intercept": -2.0 - number}))
        await hear(approved, registry)
    assert len(list((tmp_path / "bundles").glob("*.zip"))) == 1


@pytest.mark.parametrize(
    "overlay",
    [
        {"*": {"cooldown_hours": "often"}},
        {"*": {"cooldown_per": "ward"}},
        {"*": {"snooze": {"patient-refuses": 24}}},
        {"*": {"snooze": {"limited-time": 0}}},
        {"*": {"circuit_breaker": {"cards_per_hour": 0}}},
        {"*": 7},
        {"*": {"bands": []}},
        {"*": {"bands": [{"name": "a", "when": "risk >", "card": "tea"}]}},
        {"*": {"bands": [{"name": "a", "when": "nosuch > 1", "card": "tea"}]}},
        {"*": {"bands": [{"name": "a", "when": "risk > 0", "card": "coffee"}]}},
    ],
)
async def test_a_policy_that_does_not_fit_the_release_is_refused(
    registry: FakeRegistry, open_approved: Callable[[], Approved], overlay: dict[str, object]
) -> None:
    """A threshold that cannot be applied must not be silently the old one."""
    approved = open_approved()
    registry.deploy(tea_bundle(), policy=policy_named("standard", overlay))
    await hear(approved, registry)
    with pytest.raises(NotFound):
        approved.find("tea-time")


async def test_a_sites_own_policy_wins(registry: FakeRegistry, tmp_path: Path) -> None:
    """An overlay for all, and one for this site."""
    overlay = {"*": {"cooldown_hours": 48, "reasons": 1}, "north": {"cooldown_hours": 12}}
    registry.deploy(tea_bundle(), policy=policy_named("standard", overlay))
    approved = Approved(files=ApprovedFiles(tmp_path), keys=registry.keys(), site="north")
    await hear(approved, registry)
    here = approved.find("tea-time").policy
    assert here is not None
    assert (here.policy.cooldown_hours, here.policy.reasons, len(here.bands)) == (12, 1, 2)


async def test_a_site_may_change_what_is_said_again(registry: FakeRegistry, tmp_path: Path) -> None:
    """Cool-down, encounter, snooze and cap are policy: a site's overlay replaces them without a new release."""
    overlay = {
        "north": {
            "cooldown_hours": 2,
            "cooldown_per": "clinician",
            "once_per_encounter": True,
            "snooze": {"limited-time": 4},
            "circuit_breaker": {"cards_per_hour": 60},
        }
    }
    registry.deploy(tea_bundle(), policy=policy_named("standard", overlay))
    approved = Approved(files=ApprovedFiles(tmp_path), keys=registry.keys(), site="north")
    await hear(approved, registry)
    here = approved.find("tea-time").policy
    assert here is not None
    assert here.quiet == Quiet(
        bands=("high", "usual"),
        cool_down=2 * HOUR,
        per_clinician=True,
        once_per_encounter=True,
        snooze={"limited-time": Snoozed(4 * HOUR, True)},
        cards_per_hour=60,
    )


async def test_a_trial_that_begins_is_a_change(registry: FakeRegistry, tmp_path: Path) -> None:
    """The same release and policy with other arms is another deployment: it is told, and acknowledged."""
    approved = Approved(files=ApprovedFiles(tmp_path), keys=registry.keys())
    registry.deploy(tea_bundle())
    await hear(approved, registry)
    before = approved.changes
    registry.deploy(tea_bundle(), trial=withheld(1, of=10))
    await hear(approved, registry)
    assert approved.changes == before + 1
    assert approved.find("tea-time").manifest.in_trial == withheld(1, of=10)


def test_the_key_file_is_read_or_its_fault_is_named(tmp_path: Path) -> None:
    """Not there is not an error (the demo pins it later); wrong is."""
    path = tmp_path / "keys.json"
    assert read_keys(path) is None
    for text in ("", "[]", '{"keys":[]}', "{}"):
        path.write_text(text)
        with pytest.raises(BadInput, match=r"keys\.json"):
            read_keys(path)
    path.write_text(json.dumps(FakeRegistry().keys()))
    assert read_keys(path) is not None


async def test_kept_manifests_that_cannot_be_read_are_as_none(tmp_path: Path) -> None:
    """Said in the log; the registry is asked anew."""
    (tmp_path / "manifests.json").write_text("{")
    with structlog.testing.capture_logs() as lines:
        assert ApprovedFiles(tmp_path).remembered().number == -1
    assert lines[0]["log_level"] == "error"


def test_unavailable_is_not_bad_release() -> None:
    """What cannot be had now may be had later; what is wrong stays wrong."""
    assert not issubclass(Unavailable, BadRelease)
