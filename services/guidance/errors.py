"""Every error above the ground floor, as one tree; `plumbing.web` maps it to HTTP in one place.

KnowdoError (timeline.errors)
├── BadInput                      400  the caller's data cannot be used as it is
│   └── BadGuidance               400  guidance.yaml has faults, each with its line
├── NotFound                      404  no such thing here
├── Refused                       409  a rule of governance forbids it (names the rule)
│   ├── NotPermitted              403  this person or service may not do that
│   └── Lacking                   409  a step that cannot be taken yet, with everything that is missing
├── NotAuthenticated              401  the caller did not prove who it is (reason goes to the log only)
├── TooMany                       429  too many tries or calls; says how long to wait
├── MissingPatientData            412  required data is unknown after prefetch and fetch
├── BadRelease                    503  a bundle's bytes are not what its digest says
├── BadManifest                   503  not signed by the registry, altered, or its lease is over
└── Unavailable                   503  a peer or the disk failed; nothing was lost
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.timeline.errors import BadInput, KnowdoError


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One fault in a guidance directory: the file, its line (1-based, 0 = whole file), the key's path, what is wrong."""

    file: str
    line: int
    path: str
    message: str

    def __str__(self) -> str:
        """`guidance.yaml:12: features.hb.kind: …`."""
        return f"{self.file}:{self.line}: {self.path}: {self.message}"


class BadGuidance(BadInput):
    """guidance.yaml has faults, each with its line."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(
            f"{len(self.faults)} fault(s) in the guidance: " + "; ".join(map(str, self.faults)),
            remedy="Mend each line named and run `knowdo guidance check` again",
        )


class NotFound(KnowdoError):
    """No such thing here (HTTP 404)."""


class Refused(KnowdoError):
    """A rule of governance forbids it (HTTP 409); the message names the rule."""


class NotPermitted(Refused):
    """This person or service may not do that (HTTP 403)."""


class Lacking(Refused):
    """A step that cannot be taken yet (HTTP 409); each fault is one thing that is missing."""

    def __init__(self, message: str, *, place: str = "", remedy: str = "", faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__(message, place=place, remedy=remedy)


class NotAuthenticated(KnowdoError):
    """The caller did not prove who it is (HTTP 401); all that is in here goes to the log, never to the caller.

    `reason` is a short code out of few, to be counted; `facts` are further fields of the log line.
    """

    def __init__(
        self,
        message: str,
        *,
        place: str = "",
        remedy: str = "",
        reason: str = "",
        facts: Mapping[str, str] | None = None,
    ) -> None:
        self.reason = reason
        self.facts = dict(facts or {})
        super().__init__(message, place=place, remedy=remedy)


class TooMany(KnowdoError):
    """Too many tries or calls (HTTP 429); `seconds` is how long to wait."""

    def __init__(self, message: str, *, seconds: int, place: str = "") -> None:
        self.seconds = seconds
        super().__init__(message, place=place, remedy=f"Wait {seconds} seconds and try again")


class MissingPatientData(KnowdoError):
    """Required data is unknown after prefetch and fetch (HTTP 412, CDS Hooks section 'Prefetch')."""

    def __init__(self, names: Sequence[str], *, reasons: Sequence[str] = ()) -> None:
        self.names = tuple(names)
        why = f" ({'; '.join(reasons)})" if reasons else ""
        super().__init__(
            "Required patient data is unknown: " + ", ".join(self.names) + why,
            remedy="Send the prefetch that discovery advertises for this service, or grant access to the FHIR server",
        )

    def because(self, reasons: Sequence[str]) -> MissingPatientData:
        """The same, with what went wrong in getting it."""
        return MissingPatientData(self.names, reasons=reasons)


class BadRelease(KnowdoError):
    """A bundle's bytes are not what its digest says (HTTP 503: nothing is served from it)."""


class BadManifest(KnowdoError):
    """Not signed by the registry, altered, or its lease is over (HTTP 503)."""


class Unavailable(KnowdoError):
    """A peer or the disk failed (HTTP 503); what had been accepted is kept."""
