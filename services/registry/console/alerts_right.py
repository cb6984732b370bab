"""Of 100 alerts, how many are right: from the silent period of the release that counts, with its days and its evidence.

The feed brings counts of cards and answers and no outcome; the silent evidence knows what then happened to those who would
have had a card. What it does not know it says.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from services.guidance.definition import Guidance
from services.guidance.evidence import SILENT_FILE, SilentMonth, decode_report
from services.guidance.release import unpack_evidence
from services.guidance.words.alert_wording import NOT_KNOWN, alerts_right, alerts_right_from
from services.registry.decisions import proposals
from services.timeline.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """What a cell of the overview says, and where it is from."""

    said: str
    source: str


def right_of(connection: Connection, guidance: Guidance, release: str) -> Right:
    """By the last silent evidence that was filed for a release; not known, and why, where it does not tell."""
    filed = next((one for one in reversed(proposals.filed_for(connection, release)) if one.kind == "silent"), None)
    if filed is None:
        return Right(said=NOT_KNOWN, source="no silent period of this release is filed")
    pack = unpack_evidence(proposals.evidence_bytes(connection, filed.digest), expected_digest=filed.digest)
    try:
        month = decode_report(pack.files.get(SILENT_FILE, b""), SilentMonth, place=SILENT_FILE)
    except BadInput:  # the gate says what is wrong with it
        return Right(said=NOT_KNOWN, source="the silent evidence cannot be read")
    source = alerts_right_from(guidance.outcome, month)
    return Right(said=alerts_right(month.alerts), source=f"{source}; filed {filed.added_at[:10]}")
