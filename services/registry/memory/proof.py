"""The proof that the memory is whole: the chain, held against everything that was ever signed about it.

Here from the registry's own database, and from an export that anyone can check anywhere with the public keys alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from services.guidance.errors import NotFound
from services.plumbing.database import reading
from services.plumbing.keys import PublicKeys
from services.registry.app import open_desk
from services.registry.memory.chain import Verification, verify_chain, witness_of
from services.registry.memory.export import Exported
from services.registry.memory.witnesses import heard_from, prove_here
from services.registry.settings import RegistrySettings


def prove(settings: RegistrySettings, given: Sequence[tuple[str, str]] = ()) -> Verification:
    """Walk the ledger of these settings. `given`: (name, signed text) kept elsewhere, which nobody here could alter."""
    if settings.database.startswith("sqlite:///") and not Path(settings.database.removeprefix("sqlite:///")).exists():
        # Opening it would make an empty one, and an empty chain is whole.
        raise NotFound("no registry has run here", place=settings.database, remedy="Set KNOWDO_VAR to where it ran")
    desk = open_desk(settings)
    try:
        with reading(desk.engine) as connection:
            return prove_here(connection, desk.keys, given)
    finally:
        desk.engine.dispose()


def prove_export(exported: Exported, keys: PublicKeys, given: Sequence[tuple[str, str]] = ()) -> Verification:
    """Walk an exported ledger, against the signed heads in it and what was `given`; `keys` come from elsewhere."""
    witnesses, faults = heard_from([("a signed daily head", text) for text in exported.signed_heads], keys)
    witnesses += [witness_of(text, keys, name=name) for name, text in given]
    found = verify_chain(exported.links, exported.head, witnesses)
    return replace(found, faults=(*exported.faults, *faults, *found.faults))
