"""The chain of an open database, held against everything that was signed about it and is kept beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy import Connection, select

from services.guidance.errors import BadManifest
from services.plumbing.keys import PublicKeys
from services.registry.memory import ledger
from services.registry.memory.chain import Verification, Witness, verify_chain, witness_of
from services.registry.tables import deployments


def prove_here(connection: Connection, keys: PublicKeys, given: Sequence[tuple[str, str]] = ()) -> Verification:
    """Walk the ledger of an open database, against its own signed heads and manifests and what was `given`."""
    kept = [("a signed daily head", text) for text in ledger.signed_heads(connection)]
    signed = connection.execute(select(deployments.c.guidance, deployments.c.jws))
    kept += [(f"the manifest of {row.guidance}", row.jws) for row in signed if row.jws]
    witnesses, faults = heard_from(kept, keys)
    # What was given from outside must be good: a witness that cannot be heard is the caller's fault to mend.
    witnesses += [witness_of(text, keys, name=name) for name, text in given]
    found = verify_chain(ledger.links(connection), ledger.head(connection), witnesses)
    return replace(found, faults=(*faults, *found.faults))


def heard_from(kept: Iterable[tuple[str, str]], keys: PublicKeys) -> tuple[list[Witness], list[str]]:
    """What the signed texts say, and which of them nobody here signed."""
    witnesses, faults = [], []
    for name, text in kept:
        try:
            witnesses.append(witness_of(text, keys, name=name))
        except BadManifest as fault:
            faults.append(f"{name}: {fault.message}")
    return witnesses, faults
