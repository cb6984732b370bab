"""YAML with the line of everything in it: one pass over the parser's events builds the data and remembers lines.

Stricter than YAML where YAML surprises: keys are text and stand once, no anchors, no tags, one document, shallow.
Nothing recursive, so no text can exhaust the stack.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

KeyPath = tuple[str | int, ...]

MAX_DEPTH: Final = 30
MAX_FAULTS: Final = 100
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml where PyYAML was built with it
_TEXT: Final = "tag:yaml.org,2002:str"


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFault:
    """What is wrong at a line of the text."""

    line: int
    path: KeyPath
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sourced:
    """The data of a YAML text, the line of each key and item, and what is wrong with the text itself."""

    data: Any
    lines: Mapping[KeyPath, int]
    text_lines: Mapping[KeyPath, int]
    """First line of the text of a block scalar (`|`, `>`): one below its key."""
    faults: tuple[LineFault, ...]

    def line_of(self, path: KeyPath) -> int:
        """The line of the path, or of the nearest thing around it that is in the text."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def line_within(self, path: KeyPath, line: int) -> int:
        """The line of the file on which line `line` (from 1) of a text value stands."""
        start = self.text_lines.get(path)
        return self.line_of(path) if start is None else start + line - 1


@dataclass(slots=True)
class _Open:
    """A mapping or list that is being read."""

    path: KeyPath
    data: dict[str, Any] | list[Any]
    key: str | None = None
    skipped: bool = False  # the value that comes next belongs to a key that cannot be used
    is_key: bool = False  # itself a key, which only text may be


@dataclass(slots=True)
class _Reading:
    """What is built while events come in."""

    lines: dict[KeyPath, int] = field(default_factory=dict)
    text_lines: dict[KeyPath, int] = field(default_factory=dict)
    faults: list[LineFault] = field(default_factory=list)
    open: list[_Open] = field(default_factory=list)
    root: Any = None
    documents: int = 0

    def fault(self, line: int, path: KeyPath, message: str) -> None:
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(LineFault(line=line, path=path, message=message))


def read_yaml(text: str) -> Sourced:
    """Read one YAML document; whatever is wrong with it is a fault with its line, never an exception."""
    reading = _Reading()
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            if len(reading.open) > MAX_DEPTH:
                reading.fault(_line(event), (), f"nested more than {MAX_DEPTH} deep")
                break
            _take(reading, event)
    except yaml.MarkedYAMLError as fault:
        # A bracket or quote that is never closed is mended where it opens; the parser stumbles only lines later.
        opened = fault.context is not None and ("flow" in fault.context or "quoted" in fault.context)
        mark = (fault.context_mark if opened else fault.problem_mark) or fault.problem_mark or fault.context_mark
        said = ", ".join(part for part in (fault.context, fault.problem) if part)
        reading.fault(mark.line + 1 if mark else 1, (), f"not YAML: {said}")
    except yaml.YAMLError as fault:
        position = getattr(fault, "position", None)
        line = text.count("\n", 0, position) + 1 if isinstance(position, int) else 1
        reading.fault(line, (), "not YAML: a character that YAML does not allow")
    return Sourced(data=reading.root, lines=reading.lines, text_lines=reading.text_lines, faults=tuple(reading.faults))


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _take(reading: _Reading, event: yaml.Event) -> None:
    line = _line(event)
    here = reading.open[-1] if reading.open else None
    if isinstance(event, yaml.DocumentStartEvent):
        reading.documents += 1
        if reading.documents == 2:
            reading.fault(line, (), "a second document (`---`): one file holds one guidance")
    elif reading.documents > 1:
        return
    elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
        _close(reading, reading.open.pop(), line)
    elif isinstance(event, yaml.AliasEvent):
        reading.fault(line, _path(here), "an alias (`*name`): write it out, a reviewer reads each place by itself")
        _value(reading, here, None, line, block=False)
    elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
        if event.anchor or event.tag:
            reading.fault(line, _path(here), "anchors (`&name`) and tags (`!name`) are not used here")
        data: dict[str, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        is_key = here is not None and isinstance(here.data, dict) and here.key is None
        if is_key:
            reading.fault(line, _path(here), "a key must be text")
        elif not _is_skipped(reading):
            reading.lines.setdefault(_path(here), line)
        reading.open.append(_Open(path=_path(here), data=data, is_key=is_key))
    elif isinstance(event, yaml.ScalarEvent):
        _take_scalar(reading, here, event, line)


def _take_scalar(reading: _Reading, here: _Open | None, event: yaml.ScalarEvent, line: int) -> None:
    path = _path(here)
    if event.anchor or (event.tag and event.tag not in ("!", _TEXT)):
        reading.fault(line, path, "anchors (`&name`) and tags (`!name`) are not used here")
    if here is not None and isinstance(here.data, dict) and here.key is None:
        _take_key(reading, here, event, line)
        return
    try:
        value = event.value if event.tag in ("!", _TEXT) else _scalar(event)
    except (ValueError, OverflowError):
        reading.fault(line, path, f"`{event.value[:40]}` looks like a date or number but is none: put it in quotes")
        value = event.value
    _value(reading, here, value, line, block=event.style in ("|", ">"))


def _take_key(reading: _Reading, here: _Open, event: yaml.ScalarEvent, line: int) -> None:
    key = event.value
    data = here.data
    here.key, here.skipped = key, False
    if not event.style and not isinstance(_quiet(event), str):
        reading.fault(line, here.path, f"the key `{key[:40]}` is read as a number, date or yes/no: put it in quotes")
    if isinstance(data, dict) and key in data:
        first = reading.lines.get((*here.path, key), line)
        reading.fault(line, (*here.path, key), f"`{key[:40]}` is given twice; first on line {first}")
        here.skipped = True
    elif not _is_skipped(reading):
        reading.lines[(*here.path, key)] = line


def _quiet(event: yaml.ScalarEvent) -> Any:
    try:
        return _scalar(event)
    except (ValueError, OverflowError):
        return None


def _scalar(event: yaml.ScalarEvent) -> Any:
    """The scalar as YAML 1.1 reads it: number, yes/no, date, nothing, or text."""
    if event.style:
        return event.value
    tag = _RESOLVER.resolve(yaml.ScalarNode, event.value, (True, False))  # type: ignore[no-untyped-call]
    if tag == _TEXT or tag not in yaml.SafeLoader.yaml_constructors:
        return event.value
    return yaml.constructor.SafeConstructor().construct_object(yaml.ScalarNode(tag, event.value))


_RESOLVER: Final = yaml.resolver.Resolver()


def _path(here: _Open | None) -> KeyPath:
    """The path of the value that comes next."""
    if here is None:
        return ()
    if isinstance(here.data, list):
        return (*here.path, len(here.data))
    return here.path if here.key is None else (*here.path, here.key)


def _is_skipped(reading: _Reading) -> bool:
    return any(one.skipped or one.is_key for one in reading.open)


def _value(reading: _Reading, here: _Open | None, value: Any, line: int, *, block: bool) -> None:
    """Set a finished value where it belongs, and remember its line."""
    path = _path(here)
    if not _is_skipped(reading):
        reading.lines.setdefault(path, line)
        if block:
            reading.text_lines[path] = line + 1
    if here is None:
        reading.root = value
    elif isinstance(here.data, list):
        here.data.append(value)
    else:
        if here.key is not None and not here.skipped:
            here.data[here.key] = value
        here.key, here.skipped = None, False


def _close(reading: _Reading, closed: _Open, line: int) -> None:
    """A mapping or list is complete: it is a value of what is around it (or a key that was refused)."""
    here = reading.open[-1] if reading.open else None
    if closed.is_key and here is not None:
        here.key, here.skipped = "", True
    else:
        _value(reading, here, closed.data, line, block=False)
