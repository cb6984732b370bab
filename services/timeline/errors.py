"""The root of every error that Knowdo raises on purpose, and those of the ground floor.

KnowdoError                 what went wrong, where, and what to do about it
├── BadInput                the caller's data cannot be used as it is
└── (guidance.errors)       what the upper floors add
"""

from __future__ import annotations


class KnowdoError(Exception):
    """Something went wrong that a person can act on.

    Messages never hold patient data: they name places (file, line, field) and counts, not values.
    """

    def __init__(self, message: str, *, place: str = "", remedy: str = "") -> None:
        self.message = message
        self.place = place
        self.remedy = remedy
        super().__init__(message)

    def __str__(self) -> str:
        """One line: place, message, remedy."""
        said = f"{self.place}: {self.message}" if self.place else self.message
        return f"{said}. {self.remedy}" if self.remedy else said


class BadInput(KnowdoError):
    """The caller's data cannot be used as it is (HTTP 400)."""
