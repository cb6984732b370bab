"""Who may read the pages: people. A service that only runs or reports has no business here, whatever its token."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from services.registry.people.persons import must
from services.registry.people.visitor import Visitor, VisitorDep


async def reader(visitor: VisitorDep) -> Visitor:
    """The visitor, if they may read; NotPermitted (403) if not."""
    must(visitor.person, "read")
    return visitor


Reader = Annotated[Visitor, Depends(reader)]
