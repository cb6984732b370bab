"""A stop as whoever asks for it sees it: asked, then waited for until every worker has confirmed it, or not in time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from services.guidance.words.stopping import CONFIRMED_WITHIN, stop_confirmed, stop_not_confirmed
from services.plumbing.registry_client import RegistryClient

LOOK_EVERY: Final = 0.1  # seconds; a worker confirms in a few hundredths


async def stopped(
    client: RegistryClient,
    guidance: str,
    *,
    reason: str = "",
    release: str = "",
    site: str = "",
    seconds: float = CONFIRMED_WITHIN,
) -> dict[str, Any]:
    """Stop a guidance and wait for its workers: the registry's answer with `confirmation`, complete or as it was then."""
    answer = await client.suspend(guidance, reason=reason, release=release, site=site)
    ends = time.monotonic() + seconds
    while True:
        found = await client.confirmation(guidance)
        if found["complete"] or time.monotonic() > ends:
            return {**answer, "confirmation": found}
        await asyncio.sleep(LOOK_EVERY)


def said_of_stop(answer: Mapping[str, Any]) -> str:
    """What `stopped` found, in words."""
    found = answer["confirmation"]
    asked_at = datetime.fromisoformat(found["changed_at"])
    if found["complete"]:
        confirmed = [datetime.fromisoformat(one["confirmed_at"]) for one in found["workers"]]
        return stop_confirmed(asked_at, len(confirmed), max(confirmed, default=None))
    missing = {
        one["worker"]: (datetime.fromisoformat(one["heard_at"]), datetime.fromisoformat(one["may_speak_until"]))
        for one in found["workers"]
        if one["confirmed_at"] is None
    }
    return stop_not_confirmed(asked_at, found["confirmed"], missing)
