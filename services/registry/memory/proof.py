"""The proof that the memory is whole: the chain, held against everything that was ever signed about it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import select

from services.guidance.errors import BadManifest, NotFound
from services.plumbing.database import reading
from services.registry.app import open_desk
from services.registry.memory import ledger
from services.registry.memory.ledger import Verification, Witness
from services.registry.settings import RegistrySettings
from services.registry.tables import deployments


def prove(settings: RegistrySettings, given: Sequence[tuple[str, str]] = ()) -> Verification:
    """Walk the ledger of these settings. `given`: (name, signed text) kept elsewhere, which nobody here could alter."""
    if settings.database.startswith("sqlite:///") and not Path(settings.database.removeprefix("sqlite:///")).exists():
        # Opening it would make an empty one, and an empty chain is whole.
        raise NotFound("no registry has run here", place=settings.database, remedy="Set KNOWDO_VAR to where it ran")
    desk = open_desk(settings)
    try:
        with reading(desk.engine) as connection:
            kept = [("a signed daily head", text) for text in ledger.signed_heads(connection)]
            signed = connection.execute(select(deployments.c.guidance, deployments.c.jws))
            kept += [(f"the manifest of {row.guidance}", row.jws) for row in signed if row.jws]
            witnesses: list[Witness] = []
            faults: list[str] = []
            for name, text in kept:
                try:
                    witnesses.append(ledger.witness_of(text, desk.keys, name=name))
                except BadManifest as fault:
                    faults.append(f"{name}: {fault.message}")
            # What was given from outside must be good: a witness that cannot be heard is the caller's fault to mend.
            witnesses += [ledger.witness_of(text, desk.keys, name=name) for name, text in given]
            found = ledger.verify_chain(connection, witnesses)
    finally:
        desk.engine.dispose()
    return Verification(
        entries=found.entries, head=found.head, witnesses=found.witnesses, faults=(*faults, *found.faults)
    )
