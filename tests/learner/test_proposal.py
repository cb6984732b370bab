"""Proposing: the very bytes with their evidence go to the registry, and nothing goes that an alarm stands against."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import httpx
import msgspec
import pytest

from services.guidance.errors import Refused, Unavailable
from services.guidance.evidence import EVALUATION_FILE, encode_report
from services.guidance.release import EvidencePack, unpack, unpack_evidence
from services.learner.proposal import Registry, add_evidence, propose
from services.learner.retrain import Trained
from services.timeline.errors import BadInput

pytestmark = pytest.mark.anyio


class FakeRegistry(httpx.AsyncBaseTransport):
    """Keeps what it is sent, and answers as the registry does."""

    def __init__(self, status: int = 201) -> None:
        self.status = status
        self.seen: list[tuple[str, str, dict[str, object]]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One answer."""
        body = json.loads(await request.aread())
        self.seen.append((request.url.path, request.headers.get("Authorization", ""), body))
        if self.status >= 400:
            return httpx.Response(self.status, json={"detail": "the ledger is closed"})
        if request.url.path.endswith("/evidence"):
            return httpx.Response(201, json={"evidence": "sha256:e"})
        return httpx.Response(201, json={"proposal": "p-1", "release": "sha256:r", "state": "registered"})


def registry(fake: FakeRegistry) -> Registry:
    """The fake as a registry."""
    return Registry(url="http://registry/registry", token="t0ken", transport=fake)


async def test_release_and_evidence_arrive_byte_for_byte(trained: Trained) -> None:
    """What the registry unpacks has the digests that the run has."""
    fake = FakeRegistry()
    proposed = await propose(registry(fake), trained.bundle, [trained.pack], author="ada", note="please")
    assert (proposed.proposal, proposed.state) == ("p-1", "registered")
    path, token, body = fake.seen[0]
    assert (path, token) == ("/registry/proposals", "Bearer t0ken")
    assert (body["author"], body["note"]) == ("ada", "please")
    assert unpack(base64.b64decode(str(body["release"]))).digest == trained.bundle.digest
    packs = body["evidence"]
    assert isinstance(packs, list)
    assert unpack_evidence(base64.b64decode(packs[0])).digest == trained.pack.digest
    assert await add_evidence(registry(fake), "p-1", trained.pack) == "sha256:e"


async def test_what_an_alarm_stands_against_is_not_proposed(trained: Trained) -> None:
    """Refused here, before the registry is asked."""
    leaks = msgspec.structs.replace(trained.evaluation.leaks, found=("The input x alone tells.",))
    report = encode_report(msgspec.structs.replace(trained.evaluation, leaks=leaks))
    pack = EvidencePack(evidence="training", release=trained.bundle.digest, files={EVALUATION_FILE: report})
    fake = FakeRegistry()
    with pytest.raises(Refused, match="The input x alone tells"):
        await propose(registry(fake), trained.bundle, [pack], author="ada")
    with pytest.raises(BadInput, match="needs training evidence"):
        await propose(registry(fake), trained.bundle, [], author="ada")
    assert fake.seen == []


async def test_a_registry_that_fails_or_is_not_named_is_said(trained: Trained, tmp_path: Path) -> None:
    """One line, with what to do; nothing is lost."""
    with pytest.raises(Unavailable, match="ledger is closed"):
        await propose(registry(FakeRegistry(503)), trained.bundle, [trained.pack], author="ada")
    with pytest.raises(BadInput, match="no registry is named"):
        await propose(Registry(url="", token=None), trained.bundle, [trained.pack], author="ada")
