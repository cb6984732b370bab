"""Tests of services.guidance.checking.transparency: each fault on its line, in the words of somebody who writes guidance."""

from __future__ import annotations

import pytest

from services.guidance.check import check_files
from services.guidance.checking.transparency import read_transparency, transparency_schema
from services.guidance.errors import BadGuidance
from services.guidance.folder import TRANSPARENCY_FILE
from tests.guidance import small_guidance

NONE_YET = "{notAvailable: true, reason: Never tested elsewhere.}"
FIRST = "proven_by: [monitor:observed-expected]"


@pytest.mark.parametrize(
    ("old", "new", "path", "says"),
    [
        ("output: The", "test_validity: The", "attributes.test_validity", "computed from the release and its evidence, and never typed"),
        ("output: The", "developer: The", "attributes.developer", "is `about.developer` of guidance.yaml: it is not asked twice"),
        ("output: The", "ouput: The", "attributes.ouput", "did you mean `output`?"),
        ("output: The probability of a readmission.", f"output: {NONE_YET}", "attributes.output", "of (1)(iii) nobody may say"),
        (f"external_source: {NONE_YET}", "external_source: {notAvailable: true}", "attributes.external_source", "write a text, or"),
        (f"external_source: {NONE_YET}", "external_source: ''", "attributes.external_source", "write a text, or"),
        (FIRST, "proven_by: [monitor:nothing]", "risks.0.proven_by.0", "no monitor `nothing` watches this guidance"),
        (FIRST, "proven_by: ['tests/x.py::test_y']", "risks.0.proven_by.0", "no test of that name"),
        (FIRST, "proven_by: []", "risks.0.proven_by", "at least 1 item"),
        ("likelihood: unlikely", "likelihood: perhaps", "risks.0.likelihood", "input should be"),
        ("    hazard: It fails.\n", "", "risks.0.hazard", "`hazard` is missing"),
        ("attributes:\n", "uses: {health_status: [nothing]}\nattributes:\n", "uses.health_status.0", "there is no feature `nothing`"),
        ("attributes:\n", "attribute: {}\nattributes:\n", "attribute", "did you mean `attributes`?"),
    ],
)  # fmt: skip
def test_each_fault_is_named_where_it_stands(old: str, new: str, path: str, says: str) -> None:
    """One mistake, one fault, at its key."""
    text = small_guidance.TRANSPARENCY.replace(old, new, 1)
    (fault,) = check_files(small_guidance.files(transparency=text))
    assert (fault.file, fault.path) == (TRANSPARENCY_FILE, path)
    assert says in fault.message
    assert fault.line > 0


@pytest.mark.parametrize("text", [b"\xff\xfe", b"- a list", b"", b"attributes: [", b"attributes: 3"])
def test_what_is_no_such_file_is_one_fault_and_no_crash(text: bytes) -> None:
    """Whatever the bytes are."""
    files = small_guidance.files(transparency=text)
    assert check_files(files)
    with pytest.raises(BadGuidance):
        read_transparency(files)


def test_a_draft_may_lack_it() -> None:
    """What is missing is told by the gates, not by the check of the folder."""
    files = small_guidance.files()
    del files[TRANSPARENCY_FILE]
    assert check_files(files) == []
    assert read_transparency(files) is None


def test_its_schema_names_every_key() -> None:
    """The published schema is that of the grammar."""
    assert {"attributes", "uses", "risks"} <= transparency_schema()["properties"].keys()
