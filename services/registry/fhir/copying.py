"""`$draft` and `$clone`: a release copied under another version, or under another name, as a new proposal.

Nothing but the lines `version` and `id` of guidance.yaml differs, so the copy computes what its source computes; but its bytes
are others, so it has another digest, no evidence and no vote, and begins where every release begins.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from services.guidance.check import load_files
from services.guidance.errors import Refused
from services.guidance.folder import GUIDANCE_FILE
from services.guidance.lifecycle import Person
from services.guidance.release import ReleaseBundle, pack, unpack
from services.registry.decisions import intake, proposals
from services.registry.decisions.authorship import How, derived
from services.registry.decisions.proposals import Proposal
from services.registry.fhir import shelf
from services.registry.fhir.held import Held, Place, hold
from services.registry.fhir.parameters import one_text
from services.registry.tables import releases
from services.timeline.errors import BadInput

DRAFT: Final[Mapping[str, tuple[str, ...]]] = {"version": ("valueString",)}
"""Parameters of `$draft`."""
CLONE: Final[Mapping[str, tuple[str, ...]]] = {"version": ("valueString",), "guidance": ("valueString", "valueCode")}
"""Parameters of `$clone`; `guidance`, the registry's own, is the id of the new guidance."""
_VERSION: Final = re.compile(r"\d{1,6}\.\d{1,6}\.\d{1,6}")
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def draft(
    connection: Connection, number: str, given: Mapping[str, list[Any]], *, by: Person, place: Place, now: datetime
) -> Proposal:
    """The same guidance under a version that it never had."""
    source = _source(connection, number, place)
    version = _version(given)
    asked = select(releases.c.digest).where(
        releases.c.guidance == source.proposal.guidance, releases.c.version == version
    )
    if connection.execute(asked).first() is not None:
        raise Refused(f"there is a version {version} already", place="version", remedy="Give the next one")
    return _copied(connection, source, guidance=source.proposal.guidance, version=version, how="draft", by=by, now=now)


def clone(
    connection: Connection, number: str, given: Mapping[str, list[Any]], *, by: Person, place: Place, now: datetime
) -> Proposal:
    """Another guidance that begins as this one."""
    source = _source(connection, number, place)
    name = one_text(given, "guidance")
    if not _NAME.fullmatch(name) or len(name) > 64:
        raise BadInput(
            "an id for the new guidance is needed",
            place="guidance",
            remedy="Words of small letters and digits, joined by `-`",
        )
    if proposals.every(connection, guidance=name):
        raise Refused(f"there is guidance called {name}", place="guidance", remedy="Choose another id, or use $draft")
    return _copied(connection, source, guidance=name, version=_version(given), how="clone", by=by, now=now)


def _source(connection: Connection, number: str, place: Place) -> Held:
    proposal = shelf.plan_behind(connection, number)
    if proposal.state == "retired":
        raise Refused(
            "this release is retired, and what is retired is not taken up again by a copy",
            place=f"PlanDefinition/{number}",
            remedy="Train or write a new one",
        )
    return hold(connection, proposal, place)


def _version(given: Mapping[str, list[Any]]) -> str:
    version = one_text(given, "version")
    if not _VERSION.fullmatch(version):
        raise BadInput("a version has three numbers", place="version", remedy="Write it as 1.2.0")
    return version


def _copied(
    connection: Connection, source: Held, *, guidance: str, version: str, how: How, by: Person, now: datetime
) -> Proposal:
    bundle = unpack(
        proposals.release_bytes(connection, source.proposal.release), expected_digest=source.proposal.release
    )
    text = bundle.files[GUIDANCE_FILE].decode("utf-8")
    text = _with_line(_with_line(text, "id", guidance), "version", version)
    files = {**bundle.files, GUIDANCE_FILE: text.encode("utf-8")}
    before, after = (load_files(one).definition for one in (bundle.files, files))
    if before.model_copy(update={"id": guidance, "version": version}) != after:
        raise BadInput("more than its name would change", place=GUIDANCE_FILE, remedy="Write the new guidance by hand")
    made = intake.read_release(pack(ReleaseBundle(guidance=guidance, version=version, files=files)))
    proposal = proposals.propose(
        connection,
        bundle=made,
        packs=(),
        author=by.name,
        note=f"{how} of {source.proposal.guidance} {source.version}",
        by=by,
        now=now,
    )
    return derived(
        connection,
        proposal,
        source.proposal,
        how=how,
        url=source.url("PlanDefinition"),
        version=source.version,
        by=by,
        now=now,
    )


def _with_line(text: str, key: str, value: str) -> str:
    """The text with another value of a key at its top level, everything else as it was, comments too."""
    made, found = re.subn(rf"(?m)^{key}:[^\n]*$", f"{key}: {value}", text)
    if found != 1:
        raise BadInput(f"`{key}` does not stand on one line of its own", place=GUIDANCE_FILE, remedy="Copy it by hand")
    return made
