"""What is proposed is checked to the byte before it is kept, and kept once."""

from __future__ import annotations

import pytest

from services.guidance.errors import NotFound, NotPermitted, Refused
from services.guidance.release import EvidencePack, ReleaseBundle, pack, unpack
from services.timeline.errors import BadInput
from tests.guidance import small_guidance
from tests.registry import samples
from tests.registry.conftest import House

pytestmark = pytest.mark.anyio


async def test_a_proposal_is_registered_and_speaks_to_nobody(house: House) -> None:
    """No manifest, no vote: only a state and an entry in the ledger."""
    proposed = await house.propose()
    assert proposed.state == "registered"
    assert (await house.as_("cds").manifests()).manifests == ()
    told = [entry["action"] for entry in (await house.as_("Kim Auditor").ledger())["entries"]]
    assert told[-3:] == ["proposed", "evidence added", "evidence added"]


async def test_the_bytes_come_back_as_they_were(house: House) -> None:
    """What the CDS fetches is what the learner packed."""
    bundle = samples.release()
    proposed = await house.propose(bundle)
    data = await house.as_("cds").release(proposed.release)
    assert data == pack(bundle)
    assert unpack(data, expected_digest=proposed.release).files == bundle.files
    training = samples.training_pack(proposed.release)
    assert await house.as_("cds").evidence(training.digest) == pack(training)


async def test_the_same_release_twice_is_one_proposal(house: House) -> None:
    """Its state and its votes stay, new evidence is added, evidence that is there is not doubled."""
    first = await house.propose()
    await house.agree(first, "development")
    more = samples.silent_pack(first.release, decisions=5000)
    second = await house.propose(evidence=(samples.training_pack(first.release), more))
    assert (second.proposal, second.state) == (first.proposal, "development")
    known = await house.as_("Kim Auditor").proposal(first.proposal)
    assert [one["kind"] for one in known["evidence"]] == ["training", "silent", "silent"]


@pytest.mark.parametrize("place", [40, 400, -400, -40])
async def test_a_flipped_byte_is_refused(house: House, place: int) -> None:
    """The message is the proposer's to act on, and nothing is kept."""
    data = bytearray(pack(samples.release()))
    data[place] ^= 1
    with pytest.raises(BadInput, match=r"zip|manifest|bytes|name"):
        await house.as_("learner").propose(bytes(data), author="Jon Developer")
    assert await house.as_("Kim Auditor").proposals() == []


async def test_a_release_that_does_not_open_is_refused(house: House) -> None:
    """Well packed is not enough: it must be able to speak, and the file at fault is named."""
    for name, data in (
        ("model.json", b'{"kind":"oracle"}'),
        ("guidance.yaml", b"id: small\nversion: 1.0.0\n"),
        ("guidance.yaml", b"{"),
        ("reference.json", b'{"base_rate":1.5}'),
        ("value_sets.json", b"[]"),
    ):
        bundle = ReleaseBundle(guidance="small", version="1.0.0", files={**samples.release().files, name: data})
        with pytest.raises(BadInput) as caught:
            await house.as_("learner").propose(pack(bundle), author="Jon Developer")
        assert name in str(caught.value)


async def test_a_guidance_with_faults_is_refused(house: House) -> None:
    """Each with its line, as `knowdo guidance check` says it."""
    text = small_guidance.GUIDANCE.replace("age >= 18", "agee >= 18")
    line = text[: text.index("agee")].count("\n") + 1
    files = {**samples.release().files, **small_guidance.files(text)}
    bundle = ReleaseBundle(guidance="small", version="1.0.0", files=files)
    with pytest.raises(BadInput, match=rf"guidance\.yaml:{line}: .*agee"):
        await house.as_("learner").propose(pack(bundle), author="Jon Developer")


async def test_a_manifest_that_names_another_guidance_is_refused(house: House) -> None:
    """A release cannot travel under another's name."""
    bundle = ReleaseBundle(guidance="other", version="1.0.0", files=samples.release().files)
    with pytest.raises(BadInput, match="the manifest says other"):
        await house.as_("learner").propose(pack(bundle), author="Jon Developer")


async def test_evidence_about_another_release_is_refused(house: House) -> None:
    """With the proposal, and afterwards; then nothing of the proposal is kept either."""
    other = samples.training_pack(samples.RELEASE)
    with pytest.raises(Refused, match="cannot be moved"):
        await house.propose(evidence=(other,))
    assert await house.as_("Kim Auditor").proposals() == []
    proposed = await house.propose()
    with pytest.raises(Refused, match="cannot be moved"):
        await house.as_("learner").add_evidence(proposed.proposal, pack(other))


async def test_evidence_that_cannot_be_read_is_refused(house: House) -> None:
    """Broken bytes, a missing report and a report of the wrong shape."""
    proposed = await house.propose()
    learner = house.as_("learner")
    with pytest.raises(BadInput):
        await learner.add_evidence(proposed.proposal, b"not a zip")
    for files in ({"notes.txt": b""}, {"evaluation.json": b'{"auroc":0.99}'}):
        bad = EvidencePack(evidence="training", release=proposed.release, files=files)
        with pytest.raises(BadInput, match=r"evaluation\.json|no such file|cannot be read"):
            await learner.add_evidence(proposed.proposal, pack(bad))


async def test_who_may_propose(house: House) -> None:
    """The learner, developers and stewards; not the CDS, an auditor or a clinical reviewer."""
    data = pack(samples.release())
    for who in ("cds", "Kim Auditor", "Ann Clinical"):
        with pytest.raises(NotPermitted, match="may not propose"):
            await house.as_(who).propose(data, author="Jon Developer")
    assert await house.as_("Jon Developer").propose(data, author="Jon Developer")


async def test_a_proposal_without_an_author_is_refused(house: House) -> None:
    """Someone made it, and that someone does not vote."""
    with pytest.raises(BadInput, match="authored"):
        await house.as_("learner").propose(pack(samples.release()), author="  ")


async def test_what_is_not_there_is_not_found(house: House) -> None:
    """A release, evidence and a proposal that nobody knows."""
    for ask in (
        house.as_("cds").release(samples.RELEASE),
        house.as_("cds").evidence(samples.RELEASE),
        house.as_("Kim Auditor").proposal("nothing"),
    ):
        with pytest.raises(NotFound):
            await ask
