"""Who read or erased what of patients: a line in the log without the patient, a row in the database with their pseudonym."""

from __future__ import annotations

from typing import Literal

import msgspec
from sqlalchemy import Engine, insert

from services.cds.decisions.identity import new_id
from services.cds.decisions.pseudonyms import Pseudonyms
from services.cds.decisions.schema import accesses
from services.plumbing.database import writing
from services.plumbing.logs import get_logger

_log = get_logger("cds")


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """One reading (or erasure): by whom, of what, how much."""

    at: int
    role: str
    action: Literal["read", "search", "export", "erase"]
    what: str
    patient: str = ""
    """The bare id where one patient was asked for; only its pseudonym is kept."""
    found: int


def note(engine: Engine, pseudonyms: Pseudonyms, access: Access) -> None:
    """Keep it and say it. It raises when it cannot be kept: then nothing may be shown either."""
    row = msgspec.structs.asdict(access) | {"access": new_id(access.at)}
    with writing(engine) as connection:
        connection.execute(insert(accesses), [row | {"patient": pseudonyms.of("Patient", access.patient)}])
    _log.info("patient data", action=access.action, role=access.role, what=access.what, found=access.found)
