"""YAML is read with the line of everything, strictly, and without ever failing."""

from __future__ import annotations

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from services.guidance.checking.source_lines import MAX_DEPTH, read_yaml
from tests.guidance.small_guidance import GUIDANCE


def test_data_is_what_yaml_says() -> None:
    """The same as PyYAML's safe loader."""
    assert read_yaml(GUIDANCE).data == yaml.safe_load(GUIDANCE)
    assert read_yaml(GUIDANCE).faults == ()


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.floats(-9, 9) | st.text("abc: #\n'\"{}[]-0123yesno~.é", max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcd", min_size=1, max_size=4), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(PLAIN, st.booleans())
@settings(max_examples=150, deadline=None)
def test_what_yaml_writes_is_read_back(data: object, flow: bool) -> None:
    """Any data, in block or flow style."""
    text = yaml.safe_dump(data, default_flow_style=flow, allow_unicode=True)
    assert read_yaml(text).data == yaml.safe_load(text)


def test_every_key_and_item_has_its_line() -> None:
    """Lines count from 1, items too; the nearest known line stands for what is not there."""
    read = read_yaml("a: 1\nb:\n  - x\n  - y: 2\n    z: |\n      one\n      two\n")
    assert [read.line_of(path) for path in (("a",), ("b",), ("b", 0), ("b", 1), ("b", 1, "z"))] == [1, 2, 3, 4, 5]
    assert read.line_of(("b", 1, "z", "nothing")) == 5
    assert read.line_of(("nothing",)) == 1
    assert read.line_within(("b", 1, "z"), 2) == 7
    assert read.line_within(("a",), 2) == 1


def faults(text: str) -> list[tuple[int, str]]:
    """Line and message of every fault."""
    return [(fault.line, fault.message) for fault in read_yaml(text).faults]


def test_what_surprises_in_yaml_is_a_fault() -> None:
    """Keys that are no text, given twice, aliases, tags, a second document, impossible dates."""
    assert faults("on: 1") == [(1, "the key `on` is read as a number, date or yes/no: put it in quotes")]
    assert faults("'on': 1") == []
    assert faults("a: 1\na: 2") == [(2, "`a` is given twice; first on line 1")]
    assert read_yaml("a: {b: 1}\na: {b: 2}").data == {"a": {"b": 1}}
    assert faults("[1]: 2\n? {x: 1}\n: 3") == [(1, "a key must be text"), (2, "a key must be text")]
    assert [line for line, _ in faults("a: &x 1\nb: *x")] == [1, 2]
    assert [line for line, _ in faults("a: !!python/object:os.system x")] == [1]
    assert [line for line, _ in faults("a: 1\n---\nb: 2")] == [2]
    assert "put it in quotes" in faults("a: 2026-02-30")[0][1]


def test_an_unclosed_bracket_or_quote_is_named_where_it_opens() -> None:
    """The parser stumbles lines later; the hand must go to the opening."""
    assert [line for line, _ in faults("a: 1\nb: [1,\nc: 2\nd: 3\n")] == [2]
    assert [line for line, _ in faults("a: 1\nb: 'x\nc: 2\n")] == [2]
    assert [line for line, _ in faults("a:\n  b: 1\n c: 2\n")] == [3]


def test_depth_is_bounded() -> None:
    """Ten thousand brackets are one fault, not an exhausted stack."""
    assert faults("[" * 10_000) == [(1, f"nested more than {MAX_DEPTH} deep")]
    assert len(faults("{a: " * 10_000)) == 1


@given(st.text(max_size=60) | st.text("{}[]&*!|>'\"%@`:-?#, \n\tab01", max_size=60))
@settings(max_examples=300, deadline=None)
def test_no_text_raises(text: str) -> None:
    """Whatever the text, the answer is data and faults."""
    read = read_yaml(text)
    assert all(fault.line >= 1 for fault in read.faults)
