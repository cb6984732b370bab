"""What one run stands on: a client to the target, and the checker's own servers beside it where they can be reached."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx

from services.cds.conformance.exchange import Recorder
from services.cds.conformance.own_server import OwnServer
from services.cds.conformance.signer import Signer
from services.cds.conformance.target import DISCOVERY, Target, on_this_machine
from services.timeline.errors import BadInput


@contextmanager
def prepared(
    base_url: str,
    *,
    service: str = "",
    signer: Signer | None = None,
    given: Mapping[str, Any] | None = None,
    timeout: float = 10.0,
    port: int = 0,
) -> Iterator[Target]:
    """A target that can be examined; where it runs on this machine, with a FHIR server and a stranger beside it."""
    base = base_url.rstrip("/").removesuffix(DISCOVERY)
    if not base.startswith(("http://", "https://")):
        raise BadInput("no http(s) address", place=base_url, remedy="Write it as https://cds.hospital.example")
    with ExitStack() as stack:
        here = on_this_machine(base)
        # A proxy of the environment is for the world outside; on this machine it would stand in the way.
        http = stack.enter_context(
            # The machine's own certificates, among them those of a hospital, not a list that came with a package.
            httpx.Client(
                timeout=timeout, follow_redirects=False, trust_env=not here, verify=ssl.create_default_context()
            )
        )
        yield Target(
            base=base,
            record=Recorder(http, seconds=timeout),
            signer=signer,
            given=given,
            only=service,
            fhir=stack.enter_context(OwnServer(port=port)) if here else None,
            stranger=stack.enter_context(OwnServer()) if here else None,
        )
