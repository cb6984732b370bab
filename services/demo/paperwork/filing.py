"""A paper is filed, and perhaps filed anew: each version is there from the time it was filed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from services.demo.catalogue import HL7
from services.demo.fragments import concept, head


@dataclass(frozen=True, slots=True)
class Paper:
    """One resource as (filed at, what stands in it beside id and meta) a version, oldest first."""

    kind: str
    id: str
    versions: tuple[tuple[int, str], ...]

    def text(self, at: int) -> str | None:
        """The version that stood at `at`, or None if nothing was filed by then."""
        filed = [(number, since, body) for number, (since, body) in enumerate(self.versions, 1) if since <= at]
        if not filed:
            return None
        number, since, body = filed[-1]
        return f"{head(self.kind, self.id, number, since)},{body}}}"


def status(system: str, code: str) -> str:
    """A status that is a concept of an HL7 code system."""
    return concept(f"{HL7}/{system}", code, code.capitalize())


def reference(name: str, target: str) -> str:
    """A reference element."""
    return f'"{name}":{{"reference":"{target}"}}'


def numbered(patient: str, letter: str) -> Iterator[str]:
    """Ids of one kind of paper of a patient, in order."""
    number = 0
    while True:
        number += 1
        yield f"{patient}-{letter}{number:03d}"
