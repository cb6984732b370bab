"""Offering a release to the registry, with its evidence. The learner proposes; it never promotes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from services.guidance.evidence import EVALUATION_FILE, Evaluation, decode_report
from services.guidance.release import EvidencePack, ReleaseBundle, pack
from services.learner.gate import must_be_proposable
from services.plumbing.registry_client import RegistryClient
from services.plumbing.registry_messages import Proposed
from services.plumbing.registry_tokens import registry_tokens
from services.timeline.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Where to propose, and as whom."""

    url: str
    token: str | None
    transport: httpx.AsyncBaseTransport | None = None
    """An in-process registry; None is the network."""
    key_file: Path | None = None
    """A private key that proves the learner instead of a token, with its name there and the audience of its proofs."""
    client: str = ""
    audience: str = ""

    def must_be_named(self) -> None:
        """BadInput if there is no address."""
        if not self.url:
            raise BadInput(
                "no registry is named",
                place="registry",
                remedy="Give --registry-url, or set KNOWDO_LEARNER_REGISTRY_URL",
            )


async def propose(
    registry: Registry, bundle: ReleaseBundle, evidence: Sequence[EvidencePack], *, author: str, note: str = ""
) -> Proposed:
    """Offer a release whose evidence nothing stands against; Refused says what does."""
    registry.must_be_named()
    training = next((one for one in evidence if one.evidence == "training"), None)
    if training is None:
        raise BadInput("a proposal needs training evidence", remedy="Train with `knowdo learner train`, then propose")
    must_be_proposable(decode_report(training.files[EVALUATION_FILE], Evaluation, place=EVALUATION_FILE))
    async with _http(registry) as http:
        client = _client(registry, http)
        return await client.propose(pack(bundle), [pack(one) for one in evidence], author=author, note=note)


async def add_evidence(registry: Registry, proposal: str, evidence: EvidencePack) -> str:
    """Add one pack (of a silent month, say) to a proposal; answers its digest."""
    async with _http(registry) as http:
        return await _client(registry, http).add_evidence(proposal, pack(evidence))


async def fetch_release(registry: Registry, digest: str) -> bytes:
    """The packed release that the registry keeps."""
    async with _http(registry) as http:
        return await _client(registry, http).release(digest)


def _http(registry: Registry) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=registry.url, transport=registry.transport)


def _client(registry: Registry, http: httpx.AsyncClient) -> RegistryClient:
    tokens = registry_tokens(
        http, token=registry.token, key_file=registry.key_file, client=registry.client, audience=registry.audience
    )
    return RegistryClient(http, tokens)
