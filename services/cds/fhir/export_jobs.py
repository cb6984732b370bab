"""Bulk exports that were asked for: their rows, seen by every worker. What happens to the files is `bulk_export`'s."""

from __future__ import annotations

from typing import Final

import msgspec
from sqlalchemy import Engine, and_, delete, insert, or_, select, update

from services.cds.decisions.identity import new_id
from services.cds.decisions.schema import export_files, exports
from services.plumbing.database import reading, writing

SILENT: Final = 120_000_000  # microseconds without a beat after which an export's worker is taken for dead
EXPIRES: Final = 86_400_000_000  # a day: copies of patient data are not kept longer than they are needed
MOST: Final = 10  # unfinished exports at a time


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for: the types, since when (microseconds), and the address it was asked at."""

    types: list[str]
    since: int = 0
    request: str = ""


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """One file of an export."""

    name: str
    type: str
    count: int


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """An export as its row says it; `status`: waiting, running, done or failed."""

    export: str
    role: str
    asked: Asked
    asked_at: int
    beat_at: int
    status: str
    progress: str
    fault: str
    expires_at: int
    files: list[Written]

    def dead(self, now: int) -> bool:
        """Whether the worker that ran it is gone."""
        return self.status in {"waiting", "running"} and self.beat_at < now - SILENT


class ExportJobs:
    """The rows."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, asked: Asked, *, role: str, now: int) -> str:
        """A new one; its id."""
        export = new_id(now)
        row = {
            "export": export, "role": role, "asked": msgspec.json.encode(asked).decode(), "asked_at": now,
            "beat_at": now, "status": "waiting", "progress": "waiting", "fault": "", "expires_at": now + EXPIRES,
        }  # fmt: skip
        with writing(self._engine) as connection:
            connection.execute(insert(exports), [row])
        return export

    def unfinished(self, *, now: int) -> int:
        """How many wait or run."""
        alive = and_(exports.c.status.in_(["waiting", "running"]), exports.c.beat_at >= now - SILENT)
        with reading(self._engine) as connection:
            return len(connection.execute(select(exports.c.export).where(alive)).all())

    def find(self, export: str, *, now: int) -> Job | None:
        """One that is there and not expired."""
        with reading(self._engine) as connection:
            query = select(exports).where(exports.c.export == export, exports.c.expires_at > now)
            row = connection.execute(query).mappings().first()
            if row is None:
                return None
            there = select(export_files).where(export_files.c.export == export).order_by(export_files.c.name)
            files = [
                Written(name=one["name"], type=one["type"], count=one["count"])
                for one in connection.execute(there).mappings()
            ]
        asked = msgspec.json.decode(row["asked"], type=Asked)
        return Job(**dict(row) | {"asked": asked, "files": files})

    def beat(self, export: str, *, progress: str, now: int) -> bool:
        """Still at work; false if nobody wants it any more."""
        return self._set(export, status="running", progress=progress, beat_at=now)

    def done(self, export: str, files: list[Written], *, now: int) -> bool:
        """Complete, with its files."""
        with writing(self._engine) as connection:
            if files:
                rows = [{"export": export, **msgspec.structs.asdict(one)} for one in files]
                there = select(exports.c.export).where(exports.c.export == export)
                if connection.execute(there).first() is None:
                    return False
                connection.execute(insert(export_files), rows)
            changed = update(exports).where(exports.c.export == export)
            return connection.execute(changed.values(status="done", progress="done", beat_at=now)).rowcount == 1

    def failed(self, export: str, fault: str, *, now: int) -> None:
        """It could not be made."""
        self._set(export, status="failed", fault=fault, beat_at=now)

    def remove(self, export: str) -> bool:
        """Forget it; false if it was not there."""
        with writing(self._engine) as connection:
            connection.execute(delete(export_files).where(export_files.c.export == export))
            return connection.execute(delete(exports).where(exports.c.export == export)).rowcount == 1

    def remove_old(self, *, now: int) -> None:
        """Forget what has expired."""
        with writing(self._engine) as connection:
            old = list(connection.scalars(select(exports.c.export).where(exports.c.expires_at <= now)))
            if old:
                connection.execute(delete(export_files).where(export_files.c.export.in_(old)))
                connection.execute(delete(exports).where(exports.c.export.in_(old)))

    def known(self) -> set[str]:
        """All that are there."""
        with reading(self._engine) as connection:
            return set(connection.scalars(select(exports.c.export)))

    def _set(self, export: str, **values: object) -> bool:
        live = and_(exports.c.export == export, or_(exports.c.status == "waiting", exports.c.status == "running"))
        with writing(self._engine) as connection:
            return connection.execute(update(exports).where(live).values(**values)).rowcount == 1
