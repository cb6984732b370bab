"""Python's search for unreachable cycles, set for a service whose calls make none.

What a call holds is let go of when its last name goes; the collector looks for what names itself. It begins after so many
objects made and not yet let go of (700 by default), and with some dozens of calls under way that is reached all the time:
of a hook call's CPU it took 7 % with 8 callers at once and 17 % with 32. A test holds every way of answering to its word.
"""

from __future__ import annotations

import gc
from typing import Final

BEGIN_AFTER: Final = 50_000
"""Objects made and still held: what some dozens of calls under way hold is less."""
OLDER: Final = 10
"""Every so many searches among the newest, those that outlived one are looked through too, and so on."""


def search_seldom() -> None:
    """Call it once, when a process has loaded its program: that stays as it is, and is not looked through again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(BEGIN_AFTER, OLDER, OLDER)
