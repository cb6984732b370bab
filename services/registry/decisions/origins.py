"""Whose word it is: where an imported release came from, and which reports were found on other people's patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, insert, select

from services.guidance.evidence import EVALUATION_FILE, SILENT_FILE, Kind
from services.guidance.release import EvidencePack
from services.registry.decisions.tables import foreign_reports, origins
from services.registry.tables import instant_text

REPORTS: Mapping[Kind, str] = {"training": EVALUATION_FILE, "silent": SILENT_FILE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a release came from."""

    release: str
    url: str
    """Canonical address of its PlanDefinition there."""
    version: str
    package_sha256: str
    issuer: str
    """What the package calls its registry; proven only if `signed_by` is not empty."""
    signed_by: str
    """Id of the trusted key that signed the release with all its evidence; empty: none was given, or none was asked."""
    evidence: tuple[str, ...]
    """Digests of the packs that came with it."""


def keep(connection: Connection, origin: Origin, packs: Sequence[EvidencePack], *, by: str, now: datetime) -> None:
    """Keep the origin of a release that has none yet, and the fingerprint of every report that came with it."""
    if of_release(connection, origin.release) is None:
        connection.execute(
            insert(origins).values(
                release=origin.release,
                url=origin.url,
                version=origin.version,
                package_sha256=origin.package_sha256,
                issuer=origin.issuer,
                signed_by=origin.signed_by,
                evidence=list(origin.evidence),
                imported_by=by,
                imported_at=instant_text(now),
            )
        )
    known = foreign(connection, origin.release)
    for found in packs:
        for name, data in found.files.items():
            report = sha256(data).hexdigest()
            if name in REPORTS.values() and report not in known:
                known |= {report}
                connection.execute(
                    insert(foreign_reports).values(release=origin.release, report_sha256=report, kind=found.evidence)
                )


def of_release(connection: Connection, release: str) -> Origin | None:
    """The origin of a release; None if it was made here."""
    row = connection.execute(
        select(
            origins.c.release,
            origins.c.url,
            origins.c.version,
            origins.c.package_sha256,
            origins.c.issuer,
            origins.c.signed_by,
            origins.c.evidence,
        ).where(origins.c.release == release)
    ).first()
    return None if row is None else Origin(**{**row._asdict(), "evidence": tuple(map(str, row.evidence))})


def foreign(connection: Connection, release: str) -> frozenset[str]:
    """SHA-256 of every report about this release that was found elsewhere."""
    asked = select(foreign_reports.c.report_sha256).where(foreign_reports.c.release == release)
    return frozenset(connection.execute(asked).scalars())


def is_foreign(found: EvidencePack, known: frozenset[str]) -> bool:
    """Whether the report of a pack is one that another organisation made, however it is packed."""
    report = found.files.get(REPORTS.get(found.evidence, ""))
    return report is not None and sha256(report).hexdigest() in known
