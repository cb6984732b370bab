"""A bundle's bytes cannot change unseen, and the same content has the same digest everywhere."""

from __future__ import annotations

import io
import json
import zipfile
from hashlib import sha256
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.guidance.errors import BadRelease
from services.guidance.release import (
    MANIFEST_NAME,
    EvidencePack,
    ReleaseBundle,
    canonical_json,
    digest_of,
    pack,
    unpack,
    unpack_evidence,
)

FILES = {
    "guidance.yaml": b"id: small\n",
    "value_sets.json": b"{}",
    "model.json": b'{"kind":"scorecard"}',
    "reference.json": b'{"base_rate":0.1}',
    "resources/task.json": b'{"resourceType":"Task"}',
}
BUNDLE = ReleaseBundle(guidance="small", version="1.0.0", files=FILES)
PACKED = pack(BUNDLE)
DIGEST = BUNDLE.digest


def zip_of(files: dict[str, bytes] | list[tuple[str, bytes]], *, method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip as an attacker would make it, beside `pack`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items() if isinstance(files, dict) else files:
            archive.writestr(name, data)
    return buffer.getvalue()


def whole(manifest: dict[str, object] | None = None) -> dict[str, bytes]:
    """All files of the bundle with its manifest, or with another one."""
    return {**FILES, MANIFEST_NAME: canonical_json(manifest or BUNDLE.manifest)}


def test_what_was_packed_comes_back() -> None:
    """Packing and unpacking keeps every byte and the digest."""
    back = unpack(PACKED, expected_digest=DIGEST)
    assert (back.files, back.digest, back.guidance) == (FILES, DIGEST, "small")


def test_the_digest_is_the_hash_of_the_canonical_manifest() -> None:
    """Anyone can compute it: SHA-256 over RFC 8785 of a manifest that holds nothing but names and hashes."""
    manifest: dict[str, Any] = {
        "kind": "release",
        "format": 1,
        "guidance": "small",
        "version": "1.0.0",
        "files": {name: sha256(data).hexdigest() for name, data in FILES.items()},
    }
    assert digest_of(rfc8785.dumps(manifest)) == DIGEST


def test_the_order_of_files_does_not_matter() -> None:
    """The same files in another order are the same release, packed to the same bytes."""
    turned = ReleaseBundle(guidance="small", version="1.0.0", files=dict(reversed(FILES.items())))
    assert pack(turned) == PACKED


def test_files_of_a_bundle_cannot_be_changed_in_memory() -> None:
    """What was verified stays what was verified."""
    with pytest.raises(TypeError):
        BUNDLE.files["model.json"] = b"{}"  # type: ignore[index]


@settings(max_examples=400, deadline=None)
@given(place=st.integers(0, len(PACKED) - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_anywhere_is_refused_or_changes_nothing(place: int, bit: int) -> None:
    """No single bit of a packed release can be turned without being refused, or being of no effect on the content."""
    altered = bytearray(PACKED)
    altered[place] ^= 1 << bit
    try:
        back = unpack(bytes(altered))
    except BadRelease:
        return
    assert (back.digest, back.files) == (DIGEST, FILES)


@settings(max_examples=200, deadline=None)
@given(cut=st.integers(0, len(PACKED) - 1))
def test_a_shortened_bundle_is_refused(cut: int) -> None:
    """A download that broke off is never half a release."""
    with pytest.raises(BadRelease):
        unpack(PACKED[:cut])


@settings(max_examples=200, deadline=None)
@given(noise=st.binary(max_size=400))
@example(b"PK\x05\x06" + b"\0" * 18)
def test_noise_is_refused(noise: bytes) -> None:
    """Whatever arrives, the answer is BadRelease or a verified bundle."""
    with pytest.raises(BadRelease):
        unpack(noise)


@pytest.mark.parametrize("name", sorted(FILES))
def test_an_altered_file_is_named(name: str) -> None:
    """The message says which file is at fault and what to do."""
    with pytest.raises(BadRelease) as caught:
        unpack(zip_of({**whole(), name: FILES[name] + b" "}))
    assert caught.value.place == name
    assert "Fetch it again" in str(caught.value)


def test_another_release_than_expected_is_refused() -> None:
    """A sound bundle under another's digest is not what was approved."""
    with pytest.raises(BadRelease, match=r"not sha256:0000"):
        unpack(PACKED, expected_digest="sha256:" + "0" * 64)


def test_an_extra_file_is_refused() -> None:
    """Nothing may ride along."""
    with pytest.raises(BadRelease, match="does not list") as caught:
        unpack(zip_of({**whole(), "more.json": b"{}"}))
    assert caught.value.place == "more.json"


def test_a_missing_file_is_refused() -> None:
    """Nothing may be left out."""
    files = whole()
    del files["model.json"]
    with pytest.raises(BadRelease, match="missing") as caught:
        unpack(zip_of(files))
    assert caught.value.place == "model.json"


def test_a_release_without_a_model_is_refused() -> None:
    """A manifest that lists too little is no release, however well its hashes fit."""
    few = {name: FILES[name] for name in ("guidance.yaml", "value_sets.json", "reference.json")}
    small = ReleaseBundle(guidance="small", version="1.0.0", files=few)
    with pytest.raises(BadRelease) as caught:
        unpack(pack(small))
    assert caught.value.place == "model.json"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_doubled_file_is_refused() -> None:
    """Two files of one name would let two readers read different things."""
    with pytest.raises(BadRelease, match="twice"):
        unpack(zip_of([*whole().items(), ("model.json", FILES["model.json"])]))


@pytest.mark.parametrize(
    "name", ["../model.json", "/etc/passwd", "a/../../b", ".hidden", "a\\b", "resources/", "ä.json"]
)
def test_a_name_that_leads_out_is_refused(name: str) -> None:
    """Neither in a zip nor in memory can a bundle hold a path out of itself."""
    with pytest.raises(BadRelease, match="name"):
        unpack(zip_of({**whole(), name: b"x"}))
    with pytest.raises(BadRelease, match="name"):
        ReleaseBundle(guidance="small", version="1.0.0", files={name: b"x"})


def test_a_compressed_bundle_is_refused() -> None:
    """Stored only: no bomb can unfold."""
    with pytest.raises(BadRelease, match="compressed"):
        unpack(zip_of({**whole(), "model.json": b"\0" * 1_000_000}, method=zipfile.ZIP_DEFLATED))


def test_an_oversize_bundle_is_refused() -> None:
    """The limit holds for the sum of files and for their number."""
    with pytest.raises(BadRelease, match="larger"):
        ReleaseBundle(guidance="small", version="1.0.0", files={"model.json": b"\0" * 64_000_001})
    with pytest.raises(BadRelease, match="more than 200"):
        unpack(zip_of({f"f{n}": b"" for n in range(300)}))


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "evidence"},
        {"format": 2},
        {"version": "1"},
        {"guidance": "../x"},
        {"built_at": "2026-01-01"},
        {"files": {"guidance.yaml": "short"}},
    ],
)
def test_a_manifest_that_is_not_ours_is_refused(change: dict[str, object]) -> None:
    """Unknown keys (a timestamp, say), other kinds and formats are no manifest of a release."""
    with pytest.raises(BadRelease) as caught:
        unpack(zip_of(whole({**BUNDLE.manifest, **change})))
    assert caught.value.place == MANIFEST_NAME


@pytest.mark.parametrize("spoil", ["spaces", "order", "doubled"])
def test_a_manifest_in_another_spelling_is_refused(spoil: str) -> None:
    """One digest, one spelling: no second text has the same meaning."""
    canonical = canonical_json(BUNDLE.manifest)
    spelt = {
        "spaces": canonical.replace(b":1,", b": 1,"),
        "order": json.dumps(dict(reversed(BUNDLE.manifest.items()))).encode(),
        "doubled": b'{"format":1,' + canonical[1:],
    }[spoil]
    with pytest.raises(BadRelease):
        unpack(zip_of({**FILES, MANIFEST_NAME: spelt}))


def test_evidence_is_bound_to_its_release() -> None:
    """The same report for another release is another evidence pack."""
    mine = EvidencePack(evidence="training", release=DIGEST, files={"evaluation.json": b"{}"})
    other = EvidencePack(evidence="training", release="sha256:" + "0" * 64, files={"evaluation.json": b"{}"})
    assert mine.digest != other.digest
    back = unpack_evidence(pack(mine), expected_digest=mine.digest)
    assert (back.evidence, back.release, back.files) == ("training", DIGEST, {"evaluation.json": b"{}"})


def test_evidence_is_no_release_and_a_release_no_evidence() -> None:
    """Neither can stand in for the other."""
    mine = EvidencePack(evidence="training", release=DIGEST, files={"evaluation.json": b"{}"})
    with pytest.raises(BadRelease):
        unpack(pack(mine))
    with pytest.raises(BadRelease):
        unpack_evidence(PACKED)
