"""What CDS Hooks asks of JSON values wherever they stand: nothing empty, texts that say something, absolute addresses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

MAY_BE_EMPTY: Final = frozenset({"cards", "services", "feedback", "systemActions"})
"""Arrays that are present even without an entry; of `systemActions` another check speaks."""


def blanks(value: Any, place: str) -> Iterator[str]:
    """Every `null`, `""`, `[]` and `{}` below a value that is not itself allowed to be empty."""
    if value is None or value in ("", [], {}):
        yield f"{place} is {value!r}".replace("None", "null").replace("''", '""')
    elif isinstance(value, dict):
        for name, part in value.items():
            if part != [] or name not in MAY_BE_EMPTY:
                yield from blanks(part, f"{place}.{name}" if place else name)
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from blanks(part, f"{place}[{number}]")


def texts(
    value: Mapping[str, Any], place: str, *, required: tuple[str, ...] = (), optional: tuple[str, ...] = ()
) -> Iterator[str]:
    """Fields that must be texts, not blank: the required ones, and the optional ones that are present."""
    for name in (*required, *(name for name in optional if name in value)):
        if name not in value:
            yield f"{place}.{name} is missing"
        elif not is_text(value[name]):
            yield f"{place}.{name} is no text, or blank"


def coding(value: Any, place: str, *, display: bool = False) -> Iterator[str]:
    """A Coding has code and system, and a display where it is shown."""
    if not isinstance(value, dict):
        yield f"{place} is no Coding"
        return
    yield from texts(value, place, required=("code", "system", *(("display",) if display else ())))


def extensions(value: Any, place: str) -> Iterator[str]:
    """Every `extension` of CDS Hooks itself is an object; inside FHIR resources (which have arrays) it is not looked at."""
    if isinstance(value, dict):
        if "resourceType" in value:
            return
        for name, part in value.items():
            if name == "extension" and not isinstance(part, dict):
                yield f"{place}.extension is no object"
            else:
                yield from extensions(part, f"{place}.{name}" if place else name)
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from extensions(part, f"{place}[{number}]")


def is_text(value: Any) -> bool:
    """A string that says something."""
    return isinstance(value, str) and bool(value.strip())


def is_absolute(url: Any) -> bool:
    """An http(s) address with a host."""
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def is_uuid(value: Any) -> bool:
    """A UUID in its usual spelling."""
    if not isinstance(value, str):
        return False
    try:
        return str(UUID(value)) == value.lower()
    except ValueError:
        return False
