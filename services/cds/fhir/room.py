"""What the FHIR endpoints stand on, put together from plain values."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from services.cds.callers.readers import Role, Roles
from services.cds.decisions.access import Access, note
from services.cds.decisions.decision_log import DecisionLog
from services.cds.decisions.pseudonyms import Pseudonyms
from services.cds.fhir.bulk_export import BulkExports
from services.timeline.instants import instant_text


@dataclass(frozen=True, slots=True, kw_only=True)
class FhirRoom:
    """The log, who may read it, and what is made of it; `app` puts it on `app.state.fhir` at start-up."""

    log: DecisionLog
    roles: Roles
    pseudonyms: Pseudonyms
    exports: BulkExports
    base: str
    """The public address of /fhir."""
    version: str
    started: str

    async def note(self, **facts: Any) -> None:
        """Keep who read what; what cannot be kept is not shown."""
        access = Access(at=time.time_ns() // 1000, **facts)
        await asyncio.to_thread(note, self.log.engine, self.pseudonyms, access)


def open_room(
    log: DecisionLog, pseudonyms: Pseudonyms, *, tokens: Mapping[Role, str], public_url: str, site: str, folder: Path
) -> FhirRoom:
    """The room of a service at `public_url`; `tokens` by role (empty: nobody has it), exports lie in `folder`."""
    return FhirRoom(
        log=log,
        roles=Roles(tokens),
        pseudonyms=pseudonyms,
        exports=BulkExports(log, folder, site=site, pseudonyms=pseudonyms),
        base=f"{public_url.rstrip('/')}/fhir",
        version=version("knowdo"),
        started=instant_text(time.time_ns() // 1000),
    )
