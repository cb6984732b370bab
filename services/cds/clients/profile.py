"""A client's profile: in what it differs from the specification, as data. Unknown keys are faults.

The shipped ones stand in `profiles/`, each with its source. A site may add its own or write over them: a file that says
`extends: epic` holds only what is different there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
import yaml

from services.timeline.errors import BadInput

DEFAULT: Final = "default"
ALIASES: Final[Mapping[str, str]] = {"demo": DEFAULT}
"""Another name of a profile: the demo's client does as the specification says."""
_DEEPEST: Final = 8  # profiles that extend one another

_Text = Annotated[str, msgspec.Meta(min_length=1)]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a profile."""


class Prefetch(_Part, frozen=True, kw_only=True):
    """What the client calls the prefetch that we ask for."""

    keys: dict[_Text, _Text] = {}
    """Our key → the client's. Other keys that it sends are read over."""

    def __post_init__(self) -> None:
        if len(set(self.keys.values())) < len(self.keys):
            raise ValueError("two keys have the same name at the client")


class Triggers(_Part, frozen=True, kw_only=True):
    """Where a client reuses one hook for moments that have a hook of their own."""

    extension: str = ""
    """The key of the request's `extension` that tells them apart; empty: there is none."""
    names: dict[_Text, _Text] = {}
    """Its values, and what the client calls them."""
    hooks: dict[_Text, _Text] = {}
    """Value → the hook that it stands for, where that hook's whole context is sent."""

    def __post_init__(self) -> None:
        if nameless := sorted(self.hooks.keys() - self.names.keys()):
            raise ValueError(f"a trigger stands for a hook and has no name: {', '.join(nameless)}")
        if self.names and not self.extension:
            raise ValueError("triggers are named, and not the extension that tells them apart")


class Suggestions(_Part, frozen=True, kw_only=True):
    """How many steps a button may have, how many buttons may be pressed, and which words are seen."""

    one_action: bool = False
    behaviors: tuple[Literal["any", "at-most-one"], ...] = ("any", "at-most-one")
    shown: Literal["label", "description"] = "label"


class Topic(_Part, frozen=True, kw_only=True):
    """What a topic's code may be made of."""

    alphanumeric: bool = False
    longest: Annotated[int, msgspec.Meta(ge=1)] = 256


class Links(_Part, frozen=True, kw_only=True):
    """Which links are shown, and which of them the client's administrators must register first."""

    types: tuple[Literal["absolute", "smart"], ...] = ("absolute", "smart")
    registered: tuple[Literal["absolute", "smart"], ...] = ()


class Detail(_Part, frozen=True, kw_only=True):
    """How the card's detail is written."""

    format: Literal["markdown", "html"] = "markdown"
    extension: str = ""
    """The key of the card's `extension` that says so; needed for HTML."""

    def __post_init__(self) -> None:
        if self.format == "html" and not self.extension:
            raise ValueError("HTML needs the extension that says that it is HTML")


class SystemActions(_Part, frozen=True, kw_only=True):
    """Actions without a person: only where it was agreed."""

    hooks: tuple[str, ...] = ()
    """On these hooks the client was told of them and takes them."""
    present_on: tuple[str, ...] = ()
    """On these hooks the key stands in every answer, empty or not."""
    mirrored: bool = False
    """The client reads them from the answer's `extension`."""


class Feedback(_Part, frozen=True, kw_only=True):
    """How what clinicians did comes back."""

    reason_keys: tuple[_Text, ...] = ("overrideReason",)
    uuids: bool = True
    """Its card ids are the UUIDs of our cards; another id is noted as odd."""


class Profile(_Part, frozen=True, kw_only=True, dict=True):
    """One client's dialect."""

    name: _Text
    title: _Text
    source: _Text
    """Where this is from, and how old it is."""
    hooks: tuple[str, ...] = ()
    """The hooks that it calls; empty: any."""
    may_lack: tuple[_Text, ...] = ()
    """Fields of a context that it leaves out, though the hook's definition requires them."""
    discovers: bool = True
    """It reads discovery itself; else a person types in what `knowdo cds sheet` prints."""
    audiences: tuple[_Text, ...] = ()
    """Audiences that its tokens may say beside the endpoint called; `{base}` is this service's public address."""
    issuer: str = ""
    """What its `iss` is, in words."""
    key_set: str = ""
    """Where its public keys are found, in words."""
    prefetch: Prefetch = Prefetch()
    triggers: Triggers = Triggers()
    suggestions: Suggestions = Suggestions()
    topic: Topic = Topic()
    links: Links = Links()
    detail: Detail = Detail()
    system_actions: SystemActions = SystemActions()
    feedback: Feedback = Feedback()
    notes: tuple[_Text, ...] = ()
    """What an integrator must know beside."""

    @cached_property
    def our_keys(self) -> Mapping[str, str]:
        """The client's prefetch key → ours."""
        return {theirs: ours for ours, theirs in self.prefetch.keys.items()}

    @cached_property
    def takes_cards_as_they_are(self) -> bool:
        """Whether a card needs no change at all for this client."""
        return (
            not self.suggestions.one_action
            and "at-most-one" in self.suggestions.behaviors
            and self.topic == Topic()
            and set(self.links.types) == {"absolute", "smart"}
            and self.detail.format == "markdown"
        )


class Profiles:
    """The profiles that are known here, by name."""

    def __init__(self, profiles: Iterable[Profile]) -> None:
        self._by_name = {profile.name: profile for profile in profiles}

    @property
    def names(self) -> list[str]:
        """Every name, in order."""
        return sorted(self._by_name)

    def named(self, name: str) -> Profile:
        """The profile of a client; BadInput if there is none of that name."""
        found = self._by_name.get(name) or self._by_name.get(ALIASES.get(name, ""))
        if found is None:
            raise BadInput(
                f"no client profile is called `{name}`",
                place="profile",
                remedy=f"Take one of {', '.join(self.names)}, or add a file to KNOWDO_CDS_CLIENT_PROFILES",
            )
        return found


def read_profiles(folder: Path | None = None) -> Profiles:
    """The shipped profiles, with those of a site's folder added or put in their place; BadInput names the file."""
    written = {entry.name.removesuffix(".yaml"): entry.read_text("utf-8") for entry in _shipped()}
    shipped = dict(written)
    if folder is not None:
        try:
            written |= {path.stem: path.read_text("utf-8") for path in sorted(folder.glob("*.yaml"))}
        except (OSError, UnicodeDecodeError) as fault:
            raise BadInput("cannot be read", place=str(folder), remedy="Mount the folder of client profiles") from fault
    return Profiles(_profile(name, written, shipped) for name in written)


def _shipped() -> list[Any]:
    folder = files("services.cds.clients") / "profiles"
    return sorted((one for one in folder.iterdir() if one.name.endswith(".yaml")), key=lambda one: one.name)


def _profile(name: str, written: Mapping[str, str], shipped: Mapping[str, str]) -> Profile:
    try:
        return msgspec.convert(_merged(name, written, shipped, depth=0) | {"name": name}, Profile)
    except msgspec.ValidationError as fault:
        raise _bad(name, str(fault)) from fault


def _merged(name: str, written: Mapping[str, str], shipped: Mapping[str, str], *, depth: int) -> dict[str, Any]:
    """A profile's own keys over those of the profile it extends; part by part, key by key."""
    if depth > _DEEPEST:
        raise _bad(name, "profiles extend one another in a circle")
    try:
        own = yaml.safe_load(written[name])
    except yaml.YAMLError as fault:
        raise _bad(name, "not YAML") from fault
    if not isinstance(own, dict):
        raise _bad(name, "not an object")
    above = own.pop("extends", None)
    if above is None:
        return own
    # A site's `epic` that extends `epic` means the shipped one.
    source = shipped if above == name else written
    if not isinstance(above, str) or above not in source:
        raise _bad(name, f"it extends `{above}`, and there is no such profile")
    merged = _merged(above, source, shipped, depth=depth + 1)
    for key, value in own.items():
        before = merged.get(key)
        merged[key] = before | value if isinstance(before, dict) and isinstance(value, dict) else value
    return merged


def _bad(name: str, what: str) -> BadInput:
    return BadInput(
        f"not a client profile: {what}", place=f"{name}.yaml", remedy="Compare it with the shipped profiles"
    )
