"""Whatever is not exactly the registry's word, in its order and of its kind, is refused, and what was approved speaks on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.cds.governed.approved import Approved
from services.cds.governed.approved_files import ApprovedFiles
from services.guidance.manifest import to_payload
from services.plumbing.keys import SigningKey, sign
from services.plumbing.registry_client import Head, SignedManifests
from tests.cds.fake_registry import FakeRegistry
from tests.cds.tea import tea_bundle

pytestmark = pytest.mark.anyio
Forgery = Callable[[FakeRegistry], str]


def _by(key: SigningKey | None = None, **changes: object) -> Forgery:
    """What the registry would say next, with some of it changed, by its own key or another's."""

    def made(registry: FakeRegistry) -> str:
        manifest = registry.sign(guidance="tea-time", release=tea_bundle().digest, stage="suspended")
        return sign(to_payload(manifest) | changes, key or registry.key)

    return made


def _cut(registry: FakeRegistry) -> str:
    return _by()(registry)[:-9]


def _without_signature(registry: FakeRegistry) -> str:
    head, payload, _ = _by()(registry).split(".")
    return f"{head}.{payload}."


def _another_payload(registry: FakeRegistry) -> str:
    head, _, signature = _by()(registry).split(".")
    return f"{head}.{_by(SigningKey.generate(), stage='general')(registry).split('.')[1]}.{signature}"


def _replayed(registry: FakeRegistry) -> str:
    """Genuine, and from before what was seen last."""
    earlier = {"number": 0, "hash": f"{0:064x}"}
    return _by(ledger=earlier)(registry)


OVER = (datetime.now(UTC) - timedelta(hours=2)).replace(microsecond=0)
AHEAD = (datetime.now(UTC) + timedelta(hours=2)).replace(microsecond=0)


def _from(begins: datetime, **length: float) -> Forgery:
    return _by(issued_at=begins.isoformat(), expires_at=(begins + timedelta(**length)).isoformat())


@pytest.mark.parametrize(
    "forgery",
    [
        pytest.param(_by(SigningKey.generate()), id="another key"),
        pytest.param(_cut, id="truncated"),
        pytest.param(_without_signature, id="no signature"),
        pytest.param(_another_payload, id="another payload under the signature"),
        pytest.param(_replayed, id="an older head of the ledger"),
        pytest.param(_by(typ="knowdo-ledger-head"), id="wrong typ: a daily head"),
        pytest.param(_by(typ="JWT"), id="wrong typ"),
        pytest.param(_by(format=2), id="a format that is not known"),
        pytest.param(_by(more="x"), id="a field that is not known"),
        pytest.param(_from(OVER, hours=1), id="its lease is over"),
        pytest.param(_from(AHEAD, hours=1), id="its lease has not begun"),
        pytest.param(_from(datetime.now(UTC).replace(microsecond=0), days=2), id="a lease longer than any may be"),
        pytest.param(_by(share={"of_10000": 0, "seed": "ab" * 32}), id="a share of nobody"),
        pytest.param(
            _by(policy={"name": "standard", "digest": "sha256:" + "0" * 64, "overlay": {}}), id="policy digest"
        ),
    ],
)
async def test_it_is_refused_and_what_was_approved_speaks_on(tmp_path: Path, forgery: Forgery) -> None:
    """Counted and logged each time; the guidance is as it was."""
    registry, refused = FakeRegistry(), []
    registry.deploy(tea_bundle())
    approved = Approved(files=ApprovedFiles(tmp_path), keys=registry.keys(), on_refused=lambda: refused.append(1))
    head = Head(number=registry.number, hash=f"{registry.number:064x}")
    await approved.take(SignedManifests(head=head, manifests=tuple(registry.signed.values())), registry.client())
    assert refused == []
    await approved.take(SignedManifests(head=head, manifests=(forgery(registry),)), registry.client())
    assert refused == [1]
    assert approved.find("tea-time").manifest.stage == "general"
