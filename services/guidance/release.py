"""What speaks and what was found, as bytes that cannot change unseen: release bundles and evidence packs.

The manifest lists the SHA-256 of every file; the digest is the SHA-256 of the manifest in canonical JSON (RFC 8785).
No timestamps, run ids or durations inside: the same content has the same digest wherever and whenever it is made.
"""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

import msgspec
import rfc8785

from services.guidance.definition import PRIMARY
from services.guidance.errors import BadRelease
from services.guidance.evidence import Kind
from services.guidance.folder import GUIDANCE_FILE, RESOURCES, TRANSPARENCY_FILE, VALUE_SETS_FILE, LoadedGuidance
from services.timeline.errors import BadInput

MANIFEST_NAME: Final = "manifest.json"
MODEL_FILE: Final = "model.json"
REFERENCE_FILE: Final = "reference.json"
"""Of the first prediction; the others have `models/<name>.json` and `references/<name>.json`."""

MAX_FILES: Final = 200
MAX_FILE: Final = 64_000_000  # a forest of 1,000 trees is about 20 MB
MAX_TOTAL: Final = 128_000_000
# Parts begin with a letter or digit, so neither `..`, an absolute path nor a hidden file can be spelt.
_SAFE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}(/[A-Za-z0-9][A-Za-z0-9_.-]{0,99}){0,4}")
_FIXED_TIME: Final = (1980, 1, 1, 0, 0, 0)  # the first that a zip can hold
_AGAIN: Final = "Fetch it again from the registry, or build it again with the learner"

Digest = Annotated[str, msgspec.Meta(pattern=r"^sha256:[0-9a-f]{64}$")]
_Hash = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
_Identifier = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=64)]


class _ReleaseManifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="release"):
    format: Literal[1]
    guidance: _Identifier
    version: Annotated[str, msgspec.Meta(pattern=r"^\d+\.\d+\.\d+$")]
    files: dict[str, _Hash]


class _EvidenceManifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="evidence"):
    format: Literal[1]
    evidence: Kind
    release: Digest
    files: dict[str, _Hash]


def canonical_json(value: Mapping[str, Any]) -> bytes:
    """RFC 8785: one value, one spelling."""
    return rfc8785.dumps(dict(value))


def digest_of(data: bytes) -> str:
    """`sha256:` and the hexadecimal SHA-256 of the bytes."""
    return "sha256:" + sha256(data).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseBundle:
    """One immutable bundle: guidance, value sets, suggestion resources, models, references."""

    guidance: str
    version: str
    files: Mapping[str, bytes] = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "files", _checked(self.files))

    @property
    def manifest(self) -> dict[str, Any]:
        """What the digest is taken over."""
        return {
            "kind": "release",
            "format": 1,
            "guidance": self.guidance,
            "version": self.version,
            "files": _hashes(self.files),
        }

    @property
    def digest(self) -> str:
        """The release's name everywhere: card, vote, signature, MLflow tag."""
        return digest_of(canonical_json(self.manifest))


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidencePack:
    """What was found about one release: its report and whatever belongs to it. Added later, it changes no release."""

    evidence: Kind
    release: str
    files: Mapping[str, bytes] = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "files", _checked(self.files))

    @property
    def manifest(self) -> dict[str, Any]:
        """What the digest is taken over; it names the release, so evidence cannot be moved to another."""
        return {
            "kind": "evidence",
            "format": 1,
            "evidence": self.evidence,
            "release": self.release,
            "files": _hashes(self.files),
        }

    @property
    def digest(self) -> str:
        """What a vote names as read."""
        return digest_of(canonical_json(self.manifest))


def model_file(prediction: str) -> str:
    """Where the model of a prediction stands in a bundle."""
    return MODEL_FILE if prediction == PRIMARY else f"models/{prediction}.json"


def reference_file(prediction: str) -> str:
    """Where the reference population of a prediction stands in a bundle."""
    return REFERENCE_FILE if prediction == PRIMARY else f"references/{prediction}.json"


def build_release(
    loaded: LoadedGuidance,
    model: bytes,
    reference: Mapping[str, Any],
    *,
    others: Mapping[str, tuple[bytes, Mapping[str, Any]]] = MappingProxyType({}),
) -> ReleaseBundle:
    """The bundle of a checked guidance, a model file and the reference population it is explained against.

    `others`: model file and reference of each further prediction, by its name.
    """
    texts = {
        name: data
        for name, data in loaded.files.items()
        if name in {GUIDANCE_FILE, VALUE_SETS_FILE, TRANSPARENCY_FILE} or name.startswith(RESOURCES)
    }
    for name in (GUIDANCE_FILE, VALUE_SETS_FILE):
        if name not in texts:
            raise BadInput("a release needs this file", place=name, remedy="Run `knowdo guidance check` on the folder")
    definition = loaded.definition
    files = dict(texts)
    for name, (found, described) in {PRIMARY: (model, reference), **others}.items():
        files |= {model_file(name): found, reference_file(name): canonical_json(described)}
    return ReleaseBundle(guidance=definition.id, version=definition.version, files=files)


def pack(bundle: ReleaseBundle | EvidencePack) -> bytes:
    """The bundle as a zip, stored without compression: the same bytes wherever and whenever it is packed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in sorted({**bundle.files, MANIFEST_NAME: canonical_json(bundle.manifest)}.items()):
            entry = zipfile.ZipInfo(name, _FIXED_TIME)
            entry.create_system = 3  # else the platform's own number goes in
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    return buffer.getvalue()


def unpack(data: bytes, *, expected_digest: str | None = None) -> ReleaseBundle:
    """The release in a zip, every byte checked; BadRelease names the file at fault."""
    manifest, files = _verified(data, _ReleaseManifest, expected_digest)
    bundle = ReleaseBundle(guidance=manifest.guidance, version=manifest.version, files=files)
    for name in (GUIDANCE_FILE, VALUE_SETS_FILE, MODEL_FILE, REFERENCE_FILE):
        if name not in bundle.files:
            raise BadRelease("a release needs this file and has it not", place=name, remedy=_AGAIN)
    return bundle


def unpack_evidence(data: bytes, *, expected_digest: str | None = None) -> EvidencePack:
    """The evidence pack in a zip, every byte checked; BadRelease names the file at fault."""
    manifest, files = _verified(data, _EvidenceManifest, expected_digest)
    return EvidencePack(evidence=manifest.evidence, release=manifest.release, files=files)


def _hashes(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: sha256(data).hexdigest() for name, data in files.items()}


def _checked(files: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """The files in order and frozen, with names and sizes that every unpacking will accept again."""
    if len(files) > MAX_FILES:
        raise BadRelease(f"more than {MAX_FILES} files", place="bundle", remedy="Leave out what is not needed to speak")
    for name, data in files.items():
        _check_name(name)
        if name == MANIFEST_NAME:
            raise BadRelease("the manifest is made from the files, not given", place=name, remedy="Rename that file")
        if len(data) > MAX_FILE:
            raise _too_large(name)
    if sum(map(len, files.values())) > MAX_TOTAL:
        raise _too_large("bundle")
    return MappingProxyType(dict(sorted(files.items())))


def _check_name(name: str) -> None:
    if not _SAFE_NAME.fullmatch(name):
        shown = name if len(name) < 100 and name.isprintable() else "a file"
        raise BadRelease("a file name that leads out of the bundle, or is not plain", place=shown, remedy=_AGAIN)


def _too_large(name: str) -> BadRelease:
    return BadRelease(
        f"larger than a bundle may be ({MAX_FILE:,} bytes a file, {MAX_TOTAL:,} in all)",
        place=name,
        remedy="Make the model smaller: fewer trees, or a scorecard",
    )


def _verified(data: bytes, kind: type[Any], expected_digest: str | None) -> tuple[Any, dict[str, bytes]]:
    files = _read_zip(data)
    raw = files.pop(MANIFEST_NAME, None)
    if raw is None:
        raise BadRelease("the bundle has no manifest", place=MANIFEST_NAME, remedy=_AGAIN)
    manifest = _read_manifest(raw, kind)
    if expected_digest is not None and digest_of(raw) != expected_digest:
        raise BadRelease(f"the bundle is {digest_of(raw)}, not {expected_digest}", place=MANIFEST_NAME, remedy=_AGAIN)
    for name in sorted(files.keys() - manifest.files.keys()):
        raise BadRelease("a file that the manifest does not list", place=name, remedy=_AGAIN)
    for name, expected in sorted(manifest.files.items()):
        if name not in files:
            raise BadRelease("the manifest lists this file, and it is missing", place=name, remedy=_AGAIN)
        if sha256(files[name]).hexdigest() != expected:
            raise BadRelease("its bytes are not what the manifest says", place=name, remedy=_AGAIN)
    return manifest, files


def _read_manifest(raw: bytes, kind: type[Any]) -> Any:
    try:
        manifest = msgspec.json.decode(raw, type=kind)
        # One digest, one spelling: spaces, another order or doubled keys are refused.
        if rfc8785.dumps(json.loads(raw)) != raw:
            raise BadRelease("the manifest is not canonical JSON", place=MANIFEST_NAME, remedy=_AGAIN)
    except (msgspec.DecodeError, ValueError, RecursionError) as fault:
        raise BadRelease(f"the manifest cannot be read: {fault}", place=MANIFEST_NAME, remedy=_AGAIN) from fault
    return manifest


def _read_zip(data: bytes) -> dict[str, bytes]:
    if len(data) > MAX_TOTAL + 1_000_000:
        raise _too_large("bundle")
    files: dict[str, bytes] = {}
    total = 0
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if len(entries) > MAX_FILES + 1:
                raise BadRelease(f"more than {MAX_FILES} files", place="bundle", remedy=_AGAIN)
            for entry in entries:
                _check_name(entry.filename)
                if entry.filename in files:
                    raise BadRelease("a file that is there twice", place=entry.filename, remedy=_AGAIN)
                if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 0x1:
                    raise BadRelease("compressed or encrypted", place=entry.filename, remedy=_AGAIN)
                total += entry.file_size
                if entry.file_size > MAX_FILE or total > MAX_TOTAL:
                    raise _too_large(entry.filename)
                files[entry.filename] = archive.read(entry)
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
        ValueError,
        EOFError,
        OSError,
        struct.error,
    ) as fault:
        raise BadRelease(f"it is no whole zip file: {fault}", place="bundle", remedy=_AGAIN) from fault
    return files
