"""Names of sites and tenants, as people write them and CDS services are configured."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from services.guidance.manifest import EVERYWHERE
from services.timeline.errors import BadInput

_NAME: Final = re.compile(r"\*|[A-Za-z0-9][A-Za-z0-9._:/-]{0,79}")
MOST_PLACES: Final = 200


def place_name(name: str, what: str) -> str:
    """The same name; BadInput if no place can be called so."""
    if not _NAME.fullmatch(name):
        raise BadInput(
            "a name of 1 to 80 letters, digits and ._:/- is needed",
            place=what,
            remedy="Write it as the CDS services are configured (KNOWDO_CDS_SITE), or `*` for all",
        )
    return name


def place_names(names: Sequence[str], what: str) -> list[str]:
    """The names in order; only `*` if it is among them."""
    found = sorted({place_name(name, what) for name in names})
    if not 1 <= len(found) <= MOST_PLACES:
        raise BadInput(f"1 to {MOST_PLACES} names are needed", place=what, remedy="Write `*` for all")
    return [EVERYWHERE] if EVERYWHERE in found else found
