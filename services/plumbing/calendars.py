"""The door to cron's calendar: when a moment of it last came, through changes of the clock as well."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from services.timeline.errors import BadInput


def last_moment(calendar: str, time_zone: str, now: datetime) -> datetime | None:
    """The newest moment of the calendar that is not after `now`; None if none has ever come."""
    try:
        # Backwards it begins before the moment given, and `now` itself may be one.
        for moment in CronSim(calendar, now.astimezone(ZoneInfo(time_zone)).replace(second=1), reverse=True):
            return moment
    except CronSimError as fault:
        raise BadInput(
            f"no calendar: {fault}", place=calendar, remedy="Write minute, hour, day, month, weekday as in cron"
        ) from fault
    return None
