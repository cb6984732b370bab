"""A patient leaves the store: rows, files that held them, and what is being fetched; and whatever comes later stays out."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from services.learner.intake.fetch_state import clear_all
from services.plumbing.event_store import EventStore
from services.plumbing.event_table import bucket_of
from services.plumbing.logs import get_logger
from services.timeline.errors import BadInput

_log = get_logger("learner")


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """What `knowdo learner erase --json` prints; the patient is not in it."""

    erased: bool
    events: int
    digest: str
    """Of the store as it is now."""


def erase_patient(folder: Path, patient: str, *, really: bool) -> Erasure:
    """Erase one patient (`1234` or `Patient/1234`), or say how many events that would be.

    Also one of whom there is nothing: who asks for it before the data come is kept out just the same.
    """
    bare = patient.removeprefix("Patient/").strip()
    if not bare:
        raise BadInput("no patient is named", place="erase", remedy="Give the id, as in Patient/ID")
    store = EventStore.open(folder)
    if not really:
        return Erasure(erased=False, events=_events_of(store, bare), digest=store.digest)
    with store.append() as append:
        # Before the rows go: what was fetched and is not ingested yet would bring nothing back, but it is there.
        clear_all(folder)
        events = append.erase([bare])
    _log.info("a patient was erased", events=events)
    return Erasure(erased=True, events=events, digest=store.digest)


def _events_of(store: EventStore, patient: str) -> int:
    events = store.read_bucket(bucket_of(patient, store.buckets))
    places = [place for place, word in enumerate(events.patient.words) if word == patient]
    return int(np.isin(events.patient.index, places).sum())
