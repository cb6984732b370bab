"""The alert reports of a service, from the decision log and the approved policies that lie on its machine. Reads only."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import make_url

from services.cds.alerts.counted import count, guidance_in
from services.cds.alerts.report import AlertReport, report
from services.cds.governed.approved import Approved
from services.cds.governed.approved_files import ApprovedFiles, read_keys
from services.cds.governed.site_policy import SitePolicy
from services.cds.settings import CdsSettings
from services.plumbing.database import open_database, reading
from services.timeline.errors import BadInput


def weigh(settings: CdsSettings, *, since: int, guidance: str = "") -> list[AlertReport]:
    """A report for each guidance that was asked since then (microseconds); of one, if it is named."""
    policies = asyncio.run(_policies(settings))
    until = int(datetime.now(UTC).timestamp() * 1e6) + 1
    engine = open_database(_existing(settings.decisions_url))
    try:
        with reading(engine) as connection:
            return [
                report(count(connection, name, since=since, until=until), policies.get(name), site=settings.site)
                for name in guidance_in(connection, since=since, until=until)
                if guidance in {"", name}
            ]
    finally:
        engine.dispose()


def _existing(url: str) -> str:
    """The URL of a log that is there; to open one that is not would make an empty one."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(str(parsed.database)).exists():
        raise BadInput(
            "there is no decision log", place=str(parsed.database), remedy="Set KNOWDO_VAR or KNOWDO_CDS_DATABASE_URL"
        )
    return url


async def _policies(settings: CdsSettings) -> dict[str, SitePolicy]:
    """What is approved here, verified as the service verifies it; whose lease is over included."""
    room = settings.var / "cds"
    approved = Approved(
        files=ApprovedFiles(room / "approved"),
        keys=read_keys(settings.registry_keys_file or room / "registry-keys.json"),
        site=settings.site,
    )
    await approved.load()
    # What counts most of a guidance comes first, and is the one whose policy is weighed.
    return {one.manifest.guidance: one.policy for one in reversed(approved.all()) if one.policy is not None}
