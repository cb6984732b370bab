"""Ways to spoil a request: of its JSON, place by place, of the FHIR in it, and of its bytes. Hypothesis draws them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from typing import Any, Final

from hypothesis import strategies as st

from tests.cds.bad_input.odd_values import DATES, NUMBERS, READABLE, REFERENCES, TOKENS, TYPES, VALUES
from tests.cds.bad_input.seeds import MARK

Draw = Callable[[st.SearchStrategy[Any]], Any]
Place = tuple[Any, Any]
"""A container and the key or number in it."""


_RAW: Final = "\ue000raw:"  # private use: no example holds it


class Documents:
    """What is spoiled, written as it is."""

    def __init__(self, documents: Sequence[Any]) -> None:
        self.written = [json.dumps(document) for document in documents]

    def __repr__(self) -> str:
        """Short: Hypothesis shows it with every strategy."""
        return f"Documents({len(self.written)})"


@st.composite
def spoiled(draw: Draw, documents: Documents) -> tuple[int, bytes]:
    """Which document, and its bytes after one to four mutations."""
    number = draw(st.integers(0, len(documents.written) - 1))
    holder = [json.loads(documents.written[number])]
    for _ in range(draw(st.integers(1, 4))):
        _spoil(draw, holder)
    body = written(holder[0])
    return number, _spoil_bytes(draw, body) if draw(st.integers(0, 15)) == 15 else body


def written(document: Any) -> bytes:
    """As JSON, with the raw pieces where they were put."""
    text = json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")
    before, *parts = text.split(f'"{_RAW}'.encode())
    for part in parts:
        number, _, after = part.partition(b'"')
        before += TOKENS[int(number)] + after
    return before


def _one_of(draw: Draw, values: Sequence[Any]) -> Any:
    """One of them, as an object of its own: it may be spoiled further."""
    return deepcopy(draw(st.sampled_from(values)))


def _spoil(draw: Draw, holder: list[Any]) -> None:
    """One mutation, in place."""
    kind = draw(st.integers(0, 9))
    if kind >= 4 and (resources := list(_resources(holder))):
        container, key = draw(st.sampled_from(resources))
        draw(st.sampled_from(_FHIR))(draw, container, key)
        return
    container, key = _somewhere(draw, holder)
    draw(st.sampled_from(_JSON))(draw, container, key)


def _somewhere(draw: Draw, holder: list[Any]) -> Place:
    """Any place, each depth as likely as the next: else all mutations would fall among the resources, or at the root."""
    container: Any = holder
    key: Any = 0
    while draw(st.integers(0, 11)) < 11:
        inner = container[key]
        if not isinstance(inner, dict | list) or not inner:
            break
        keys = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
        deeper = [one for one in keys if isinstance(inner[one], dict | list)]
        container, key = inner, draw(st.sampled_from(deeper if deeper and draw(st.integers(0, 4)) < 4 else keys))
    return container, key


def _resources(value: Any) -> Iterator[Place]:
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if isinstance(inner, dict) and "resourceType" in inner:
            yield value, key
        yield from _resources(inner)


# --- of JSON ---


def _delete(_draw: Draw, container: Any, key: Any) -> None:
    if container[key] is container or (isinstance(container, list) and len(container) == 1):
        container[key] = None
    else:
        del container[key]


def _other_value(draw: Draw, container: Any, key: Any) -> None:
    container[key] = _one_of(draw, VALUES)


def _raw(draw: Draw, container: Any, key: Any) -> None:
    odd = draw(st.integers(0, 2)) < 2  # what cannot be read at all ends a call at once, and tries nothing else
    container[key] = f"{_RAW}{draw(st.sampled_from(READABLE if odd else range(len(TOKENS))))}"


def _swapped(_draw: Draw, container: Any, key: Any) -> None:
    """Object and array change places; text and number too."""
    value = container[key]
    if isinstance(value, dict):
        container[key] = list(value.values())
    elif isinstance(value, list):
        container[key] = {str(number): inner for number, inner in enumerate(value)}
    elif isinstance(value, str):
        container[key] = [value]
    else:
        container[key] = str(value)


def _nested(draw: Draw, container: Any, key: Any) -> None:
    # Deeper than this our own writing would end; what is nested beyond all measure stands among the tokens.
    value, shape = container[key], draw(st.booleans())
    for _ in range(draw(st.sampled_from([1, 2, 5, 60]))):
        value = [value] if shape else {"resource": value}
    container[key] = value


def _renamed(draw: Draw, container: Any, key: Any) -> None:
    if isinstance(container, dict):
        name = draw(
            st.sampled_from([key.upper(), f"{key} ", f"_{key}", "", "resourceType", "id", "entry", "__proto__", MARK])
        )
        container[name] = container.pop(key)


def _added(draw: Draw, container: Any, key: Any) -> None:
    value = _one_of(draw, VALUES)
    if isinstance(container, dict):
        container[
            draw(st.sampled_from([MARK, "modifierExtension", "contained", "entry", "resourceType", "extension"]))
        ] = value
    else:
        container.insert(key, value)


def _twice(draw: Draw, container: Any, key: Any) -> None:
    if isinstance(container, list):
        container.extend([container[key]] * draw(st.sampled_from([1, 3, 200])))
    else:
        container[f"{key}2"] = container[key]


def _exchanged(draw: Draw, container: Any, key: Any) -> None:
    """Two siblings change places."""
    other = draw(st.sampled_from(list(container) if isinstance(container, dict) else range(len(container))))
    container[key], container[other] = container[other], container[key]


_JSON: Final = (
    _delete, _other_value, _other_value, _raw, _swapped, _nested, _renamed, _added, _twice, _exchanged,
)  # fmt: skip


# --- of FHIR ---


def _other_type(draw: Draw, container: Any, key: Any) -> None:
    container[key]["resourceType"] = _one_of(draw, TYPES)


def _other_id(draw: Draw, container: Any, key: Any) -> None:
    container[key]["id"] = _one_of(draw, ["x" * 200, "x" * 3000, "", "a b", "ü", "a/b", "..", 7, None, [], MARK])


def _other_dates(draw: Draw, container: Any, key: Any) -> None:
    date = draw(st.sampled_from(DATES))
    _each(container[key], lambda name, value: isinstance(value, str) and _like_a_date(name, value), date)


def _other_references(draw: Draw, container: Any, key: Any) -> None:
    reference = draw(st.sampled_from(REFERENCES))
    _each(container[key], lambda name, _value: name == "reference", reference)


def _other_numbers(draw: Draw, container: Any, key: Any) -> None:
    number = _one_of(draw, NUMBERS)
    _each(container[key], lambda _name, value: isinstance(value, int | float) and not isinstance(value, bool), number)


def _other_codes(draw: Draw, container: Any, key: Any) -> None:
    code = _one_of(draw, [None, "", 7, [], "718-7", "entered-in-error", "x" * 3000, "|", "a|b,c"])
    _each(container[key], lambda name, _value: name in {"code", "status", "system", "unit", "gender"}, code)


def _wrapped(draw: Draw, container: Any, key: Any) -> None:
    one = container[key]
    container[key] = draw(
        st.sampled_from(
            [
                [one],
                {"resource": one},
                {"resourceType": "Bundle", "entry": [{"resource": one}]},
                {"resourceType": "Bundle", "entry": [one]},
                {"response": {"status": "404"}, "resource": one},
                {"resourceType": "Parameters", "parameter": [{"name": "x", "resource": one}]},
            ]
        )
    )


_FHIR: Final = (
    _other_type,
    _other_id,
    _other_dates,
    _other_references,
    _other_numbers,
    _other_codes,
    _wrapped,
    _raw,
    _delete,
)


def _like_a_date(name: Any, value: str) -> bool:
    return (value[:4].isdecimal() and value[4:5] in {"-", ""}) or "date" in str(name).lower()


def _each(value: Any, meant: Callable[[Any, Any], bool], new: Any) -> None:
    """Put `new` wherever it is meant."""
    for key, inner in list(value.items()) if isinstance(value, dict) else list(enumerate(value)):
        if meant(key, inner):
            value[key] = deepcopy(new)
        elif isinstance(inner, dict | list):
            _each(inner, meant, new)


# --- of bytes ---


def _spoil_bytes(draw: Draw, body: bytes) -> bytes:
    at = draw(st.integers(0, max(0, len(body) - 1)))
    return bytes(
        draw(
            st.sampled_from(
                [
                    body[:at],
                    b"\xef\xbb\xbf" + body,
                    b"\x00" + body,
                    body + b"\x00",
                    body + body,
                    body + b" trailing",
                    body[:at] + b"\x00" + body[at:],
                    body[:at] + b"\xff" + body[at + 1 :],
                    body[:at] + bytes([body[at] ^ 0x20 if body else 0]) + body[at + 1 :],
                    body[at:] + body[:at],
                    body.decode("utf-8", "replace").encode("utf-16"),
                    body.decode("utf-8", "replace").encode("utf-32-be"),
                    b" " * 100_000 + body,
                    b"[" + body + b"]",
                    json.dumps(body.decode("utf-8", "replace")).encode(),
                    b"",
                    b"\r\n",
                    b"<html><body>Bad gateway</body></html>",
                ]
            )
        )
    )
