"""Before a service starts: what it cannot do without is asked for first, and one line says what is missing.

Later it would be said too, but after seconds of imports and in three tracebacks.
"""

from __future__ import annotations

import sys
from typing import Literal

from uvicorn.config import STARTUP_FAILURE

from services.guidance.errors import Unavailable
from services.plumbing.database import open_database, reading
from services.plumbing.logs import get_logger


def database_or_end(url: str, *, service: Literal["cds", "registry"]) -> None:
    """End the process, with status 3 and one line in the log, unless the database answers. SQLite is but a file: not asked."""
    engine = open_database(url)
    if engine.dialect.name == "sqlite":
        return
    try:
        with reading(engine):
            pass
    except Unavailable as fault:
        get_logger(service).error("not started", message=fault.message, place=fault.place, remedy=fault.remedy)
        sys.exit(STARTUP_FAILURE)
    finally:
        engine.dispose()
