"""The pages that there are, in the order in which people need them. A page joins by one line here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Link:
    """One page of the navigation: its name and its address below the registry's root."""

    name: str
    path: str

    def is_here(self, path: str) -> bool:
        """Whether a page at this address belongs under the link."""
        return path == self.path or (self.path != "/" and path.startswith(f"{self.path}/"))


NAV: Final = (
    Link("Overview", "/"),
    Link("Guidance", "/console/guidance"),
    Link("Try", "/console/try"),
    Link("Deploy and stop", "/console/deploy"),
    Link("Memory", "/console/memory"),
)

TABS: Final = (
    Link("In plain words, with attributes and risks", "/guidance/{guidance}/plain"),
    Link("Compare releases", "/console/guidance/{guidance}/compare"),
    Link("Deploy and stop", "/console/deploy/{guidance}"),
    Link("Memory", "/console/memory?guidance={guidance}"),
)
"""What more there is of one guidance; its id is filled in."""
