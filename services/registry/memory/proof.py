"""The proof that the memory is whole: the chain, held against everything that was ever signed about it.

Here from the registry's own database, and from an export that anyone can check anywhere with the public keys alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection, select

from services.guidance.errors import BadManifest, NotFound
from services.plumbing.database import reading
from services.plumbing.keys import PublicKeys
from services.registry.app import open_desk
from services.registry.memory import ledger
from services.registry.memory.chain import Verification, Witness, verify_chain, witness_of
from services.registry.memory.export import Exported
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
            return prove_here(connection, desk.keys, given)
    finally:
        desk.engine.dispose()


def prove_here(connection: Connection, keys: PublicKeys, given: Sequence[tuple[str, str]] = ()) -> Verification:
    """Walk the ledger of an open database, against its own signed heads and manifests and what was `given`."""
    kept = [("a signed daily head", text) for text in ledger.signed_heads(connection)]
    signed = connection.execute(select(deployments.c.guidance, deployments.c.jws))
    kept += [(f"the manifest of {row.guidance}", row.jws) for row in signed if row.jws]
    witnesses, faults = _heard(kept, keys)
    # What was given from outside must be good: a witness that cannot be heard is the caller's fault to mend.
    witnesses += [witness_of(text, keys, name=name) for name, text in given]
    found = verify_chain(ledger.links(connection), ledger.head(connection), witnesses)
    return replace(found, faults=(*faults, *found.faults))


def prove_export(exported: Exported, keys: PublicKeys, given: Sequence[tuple[str, str]] = ()) -> Verification:
    """Walk an exported ledger, against the signed heads in it and what was `given`; `keys` come from elsewhere."""
    witnesses, faults = _heard([("a signed daily head", text) for text in exported.signed_heads], keys)
    witnesses += [witness_of(text, keys, name=name) for name, text in given]
    found = verify_chain(exported.links, exported.head, witnesses)
    return replace(found, faults=(*exported.faults, *faults, *found.faults))


def _heard(kept: Iterable[tuple[str, str]], keys: PublicKeys) -> tuple[list[Witness], list[str]]:
    """What the signed texts say, and which of them nobody here signed."""
    witnesses, faults = [], []
    for name, text in kept:
        try:
            witnesses.append(witness_of(text, keys, name=name))
        except BadManifest as fault:
            faults.append(f"{name}: {fault.message}")
    return witnesses, faults
