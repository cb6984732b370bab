"""A release from elsewhere is tested here: training and silent evidence of another organisation opens no gate of this one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection

from services.guidance.evidence import Kind
from services.guidance.lifecycle import ENTRY, Check, State
from services.guidance.release import EvidencePack
from services.registry.decisions.checked import check, met
from services.registry.fhir.arriving import origins

_ASKED: Final = "Found on this organisation's own records, not on those where the release comes from"


def tested_here(
    connection: Connection, to: State, release: str, packs: Mapping[Kind, EvidencePack]
) -> tuple[Check, ...]:
    """One check for each report that the step needs, if the release was imported; none for a release made here."""
    origin = origins.of_release(connection, release)
    if origin is None:
        return ()
    foreign = origins.foreign(connection, release)
    return tuple(
        check(
            f"{kind}-tested-here",
            _ASKED,
            f"the report that came from {origin.issuer}" if is_theirs else "another report than any that came with it",
            met(not is_theirs),
            packs[kind],
        )
        for kind in ENTRY[to].evidence
        if kind in origins.REPORTS and kind in packs
        for is_theirs in [origins.is_foreign(packs[kind], foreign)]
    )
