"""What begins without being asked: trainings by a calendar, looks into a store that has changed, imports of new models.

Every learner of a database may see the same moment; the job has a key, and is put once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, insert, select, update

from services.guidance.check import load_guidance
from services.guidance.definition import Guidance
from services.guidance.errors import Unavailable
from services.learner.guidance_names import names
from services.learner.jobs.queue import JobQueue, Kind
from services.learner.jobs.tables import CALENDARS
from services.plumbing.calendars import last_moment
from services.plumbing.database import writing
from services.plumbing.event_store import EventStore
from services.plumbing.logs import get_logger
from services.timeline.errors import BadInput, KnowdoError

_log = get_logger("learner")


class Beginner:
    """Puts what is due."""

    def __init__(
        self,
        engine: Engine,
        queue: JobQueue,
        *,
        folders: Sequence[Path],
        store: Path,
        options: Mapping[str, object],
        registered: Callable[[str], Sequence[str]] = lambda _: (),
    ) -> None:
        self._engine, self._queue = engine, queue
        self._folders, self._store, self._options = tuple(folders), store, dict(options)
        self._registered = registered
        """The addresses of the versions under a guidance's name on MLflow's shelf that are new."""
        self._read: dict[Path, tuple[int, Guidance]] = {}

    def put_due(self, now: datetime | None = None) -> list[str]:
        """Put every job that is due; answers their runs. A guidance with faults is left out, and the log says so."""
        now = now or datetime.now(UTC)
        put: list[str] = []
        digest = _digest_of(self._store)
        asking: dict[str, str] = {}
        for name, directory in names(self._folders).items():
            try:
                guidance = self._guidance(directory)
                triggers = guidance.learning.triggers
                if triggers.calendar is not None and (
                    moment := self._due(name, triggers.calendar, triggers.time_zone, now)
                ):
                    text = moment.astimezone(UTC).isoformat(timespec="minutes")
                    put += self._put("train", name, f"the calendar, {text}", f"calendar:{name}:{text}")
                if triggers.look and digest is not None:
                    put += self._put("look", name, "a store that has changed", f"look:{name}:{digest}")
                if triggers.registered:
                    asking[name] = guidance.id
            except (BadInput, Unavailable) as fault:
                _log.warning("no triggers", guidance=name, fault=str(fault))
        # Last, and no further than the first that does not answer: a shelf that is away holds up no calendar.
        return put if digest is None else [*put, *self._put_registered(asking, digest)]

    def _put_registered(self, asking: Mapping[str, str], digest: str) -> list[str]:
        put: list[str] = []
        for name, guidance in asking.items():
            try:
                for model in self._registered(guidance):
                    # Once for each state of the store: what lacked rows is judged when there are more.
                    key = f"import:{name}:{model}:{digest}"
                    put += self._put("import", name, f"a model in MLflow, {model}", key, model=model)
            except Unavailable as fault:
                _log.warning("MLflow was not asked for new models", guidance=name, fault=str(fault))
                break
            except BadInput as fault:
                _log.warning("no triggers", guidance=name, fault=str(fault))
        return put

    def _put(self, kind: Kind, name: str, asked_by: str, key: str, **more: str) -> list[str]:
        run = self._queue.put(kind, name, self._options | more, asked_by=asked_by[:256], key=key)
        return [] if run is None else [run]

    def _guidance(self, directory: Path) -> Guidance:
        """Read again only if the file has changed."""
        changed = (directory / "guidance.yaml").stat().st_mtime_ns
        known = self._read.get(directory)
        if known is None or known[0] != changed:
            known = changed, load_guidance(directory).definition
            self._read[directory] = known
        return known[1]

    def _due(self, name: str, calendar: str, time_zone: str, now: datetime) -> datetime | None:
        """The newest moment, if it came after the calendar was first seen; one that was slept through is made up for once."""
        since = self._since(name, f"{calendar} {time_zone}", now)
        moment = last_moment(calendar, time_zone, now)
        return moment if moment is not None and moment.timestamp() > since else None

    def _since(self, name: str, calendar: str, now: datetime) -> float:
        with writing(self._engine) as connection:
            known = connection.execute(select(CALENDARS).where(CALENDARS.c.guidance == name)).mappings().first()
            if known is not None and known["calendar"] == calendar:
                return float(known["since"])
            row = {"calendar": calendar, "since": now.timestamp()}
            if known is None:
                connection.execute(insert(CALENDARS), row | {"guidance": name})
            else:
                connection.execute(update(CALENDARS).where(CALENDARS.c.guidance == name).values(**row))
        return now.timestamp()


def _digest_of(store: Path) -> str | None:
    """The store as it is now; None if there is none yet."""
    try:
        opened = EventStore.open(store)
    except KnowdoError:
        return None
    return opened.digest if opened.rows else None
