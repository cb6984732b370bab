"""A FHIR package opened with care: a Bundle as JSON, or an NPM package (.tgz); nothing is written, nothing is followed.

Everything is bounded before it is read: unpacked size, number of files, names. A link, a device or a name that leads out
of the package is refused, not skipped: whoever made it meant harm or made an error. Source: FHIR NPM package specification.
"""

from __future__ import annotations

import io
import re
import tarfile
import zlib
from collections.abc import Iterator
from typing import Any, Final

from services.registry.fhir.names import Resource
from services.registry.fhir.parameters import resource_in
from services.timeline.errors import BadInput, KnowdoError

MAX_PACKAGE: Final = 200_000_000  # the largest release and its evidence, in base64
MAX_UNPACKED: Final = 200_000_000
MAX_FILES: Final = 5000  # the largest implementation guides have about as many
_GZIP: Final = b"\x1f\x8b"
_SAFE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. +-]{0,150}(/[A-Za-z0-9_][A-Za-z0-9_. +-]{0,150}){0,5}")
_PACKAGE: Final = "package/package.json"
_FHIR_FOUR: Final = ("4.0", "4.3")
_AGAIN: Final = "Ask whoever made the package for it again"


def resources_of(data: bytes) -> list[Resource]:
    """Every resource in a package; BadInput names what is wrong with it."""
    if len(data) > MAX_PACKAGE:
        raise _bad(f"larger than {MAX_PACKAGE:,} bytes")
    found = list(_of_npm(data)) if data.startswith(_GZIP) else list(_of_bundle(data))
    if not found:
        raise _bad("it holds no resource")
    return found


def bundled(bundle: Resource) -> Iterator[Resource]:
    """The resources of a Bundle, each one once."""
    seen: set[tuple[str, str]] = set()
    entries = bundle.get("entry", [])
    if bundle["resourceType"] != "Bundle" or not isinstance(entries, list):
        raise _bad("not a Bundle")
    for number, entry in enumerate(entries):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            raise _bad("an entry without a resource", place=f"Bundle.entry[{number}]")
        name = (resource["resourceType"], str(resource.get("id", number)))
        if name in seen:
            raise _bad("a resource that is there twice", place=f"Bundle.entry[{number}]")
        seen.add(name)
        yield resource


def _of_bundle(data: bytes) -> Iterator[Resource]:
    try:
        bundle = resource_in(data)
    except KnowdoError as fault:
        raise _bad(f"neither a Bundle as JSON nor a .tgz: {fault.message}") from fault
    yield from bundled(bundle)


def _of_npm(data: bytes) -> Iterator[Resource]:
    """The JSON files in `package/`; other folders (examples, documentation) are looked at and not read."""
    files = _untarred(_unzipped(data))
    if _PACKAGE not in files:
        raise _bad("a FHIR NPM package has this file", place=_PACKAGE)
    _must_be_r4(files.pop(_PACKAGE))
    for name, content in files.items():
        folder, _, file = name.rpartition("/")
        if folder == "package" and file.endswith(".json") and not file.startswith("."):
            try:
                yield resource_in(content)
            except KnowdoError as fault:
                raise _bad(fault.message, place=name) from fault


def _must_be_r4(content: bytes) -> None:
    described: dict[str, Any] = {}
    try:
        described = resource_in(b'{"resourceType":"package","is":' + content + b"}")["is"]
        versions = described.get("fhirVersions") or described.get("fhir-version-list") or []
    except (KnowdoError, AttributeError) as fault:
        raise _bad("it cannot be read", place=_PACKAGE) from fault
    if versions and not any(str(one).startswith(_FHIR_FOUR) for one in versions):
        raise _bad(f"of FHIR {', '.join(map(str, versions))[:80]}, and R4 is needed", place=_PACKAGE)


def _unzipped(data: bytes) -> bytes:
    """The tar in the gzip, never more of it than may be: a bomb is noticed before it is whole."""
    unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        content = unpack.decompress(data, MAX_UNPACKED + 1)
    except zlib.error as fault:
        raise _bad(f"no whole .tgz: {fault}") from fault
    if len(content) > MAX_UNPACKED:
        raise _bad(f"it unpacks to more than {MAX_UNPACKED:,} bytes")
    if not unpack.eof:
        raise _bad("no whole .tgz: it ends too early")
    return content


def _untarred(content: bytes) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            for number, member in enumerate(archive):
                if number >= MAX_FILES:
                    raise _bad(f"more than {MAX_FILES} files")
                name = member.name.removeprefix("./")
                if not _SAFE.fullmatch(name) or ".." in name:
                    raise _bad("a name that leads out of the package, or is not plain", place=_shown(name))
                if member.isdir():
                    continue
                if not member.isreg():
                    raise _bad("a link or a device", place=_shown(name))
                if name in files:
                    raise _bad("a file that is there twice", place=_shown(name))
                reader = archive.extractfile(member)
                files[name] = reader.read() if reader is not None else b""
    except (tarfile.TarError, EOFError, ValueError, OverflowError, OSError) as fault:
        raise _bad(f"no whole .tgz: {fault}") from fault
    return files


def _shown(name: str) -> str:
    return name if len(name) < 100 and name.isprintable() else "a file"


def _bad(what: str, *, place: str = "package") -> BadInput:
    return BadInput(what, place=place, remedy=_AGAIN)
