"""A package is opened with care: what leads out of it, blows up, is missing or doubled is refused by name."""

from __future__ import annotations

import gzip
import io
import json
import tarfile

import pytest

from services.registry.fhir.arriving import archive
from services.registry.fhir.arriving.archive import resources_of
from services.timeline.errors import BadInput

MANIFEST = json.dumps({"name": "org.example", "version": "1.0.0", "fhirVersions": ["4.0.1"]}).encode()
PLAN = b'{"resourceType": "PlanDefinition", "id": "p", "status": "draft"}'


def npm(files: dict[str, bytes], *, extra: tuple[tarfile.TarInfo, ...] = ()) -> bytes:
    """A .tgz with these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as made:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            made.addfile(entry, io.BytesIO(data))
        for entry in extra:
            made.addfile(entry)
    return buffer.getvalue()


def link(name: str, kind: bytes, target: str) -> tarfile.TarInfo:
    """A link, or a device, in an archive."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry


def test_a_package_and_a_bundle_hold_the_same() -> None:
    """Resources are read from `package/` of a .tgz, and from the entries of a Bundle; other folders are not read."""
    resource = json.loads(PLAN)
    packed = npm(
        {"package/package.json": MANIFEST, "package/PlanDefinition-p.json": PLAN, "package/other/x.json": b"{"}
    )
    bundle = json.dumps({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": resource}]}).encode()
    assert resources_of(packed) == resources_of(bundle) == [resource]


WHOLE = {"package/package.json": MANIFEST, "package/p.json": PLAN}
REFUSED = {
    "leads up": (npm({**WHOLE, "package/../../etc/passwd": b"x"}), "leads out"),
    "is absolute": (npm({**WHOLE, "/etc/passwd": b"x"}), "leads out"),
    "is a symbolic link": (
        npm(WHOLE, extra=(link("package/l.json", tarfile.SYMTYPE, "/etc/passwd"),)),
        "link or a device",
    ),
    "is a hard link": (
        npm(WHOLE, extra=(link("package/l.json", tarfile.LNKTYPE, "package/p.json"),)),
        "link or a device",
    ),
    "is a device": (npm(WHOLE, extra=(link("package/null", tarfile.CHRTYPE, ""),)), "link or a device"),
    "is there twice": (npm(WHOLE, extra=(tarfile.TarInfo("package/p.json"),)), "twice"),
    "has no package.json": (npm({"package/p.json": PLAN}), "has this file"),
    "is of another FHIR": (npm({**WHOLE, "package/package.json": b'{"fhirVersions": ["5.0.0"]}'}), "R4 is needed"),
    "has an unreadable manifest": (npm({**WHOLE, "package/package.json": b"{"}), "cannot be read"),
    "has a file that is no JSON": (npm({**WHOLE, "package/q.json": b"{"}), "not JSON"),
    "has a file that is no resource": (npm({**WHOLE, "package/q.json": b"[1]"}), "object"),
    "holds nothing": (npm({"package/package.json": MANIFEST}), "no resource"),
    "ends too early": (npm(WHOLE)[:-20], "too early"),
    "is gzip of something else": (gzip.compress(b"no tar at all" * 100), "no whole .tgz"),
    "is neither": (b"hello", "neither a Bundle"),
    "is nested too deeply": (b'{"resourceType":"Bundle","entry":' + b"[" * 100_000, "neither a Bundle"),
    "is empty": (b"", "neither a Bundle"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_package_that_harms_or_lacks_is_refused(name: str) -> None:
    """Each fault is found before anything of it is used, and is said."""
    data, said = REFUSED[name]
    with pytest.raises(BadInput, match=said):
        resources_of(data)


def test_a_bomb_is_noticed_before_it_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unpacked size, packed size and the number of files are bounded."""
    monkeypatch.setattr(archive, "MAX_UNPACKED", 1_000_000)
    bomb = gzip.compress(b"\0" * 50_000_000)
    assert len(bomb) < 60_000
    with pytest.raises(BadInput, match="unpacks to more"):
        resources_of(bomb)
    monkeypatch.setattr(archive, "MAX_FILES", 10)
    with pytest.raises(BadInput, match="more than 10 files"):
        resources_of(npm({f"package/{n}.json": b"{}" for n in range(11)}))
    monkeypatch.setattr(archive, "MAX_PACKAGE", 100)
    with pytest.raises(BadInput, match="larger than 100"):
        resources_of(npm(WHOLE))
