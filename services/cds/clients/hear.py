"""A call in the words of the specification, whatever its client's dialect: prefetch keys and the moment of the call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec

from services.cds.clients.profile import Profile
from services.cds.schemas import HookRequest

T = TypeVar("T")
_EXTENSION: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_VALUE: Final = msgspec.json.Decoder(str | int)


def hear(request: HookRequest, profile: Profile, *, answered: frozenset[str]) -> HookRequest:
    """The call with our prefetch keys, and with the hook that its native trigger stands for, if that is one of `answered`.

    Nothing is copied where the profile has nothing to change.
    """
    if profile.prefetch.keys:
        request = msgspec.structs.replace(
            request,
            prefetch=_renamed(request.prefetch, profile.our_keys),
            read=_renamed(request.read, profile.our_keys),
        )
    if profile.triggers.extension and (value := _trigger(request, profile)):
        hook = profile.triggers.hooks.get(value, request.hook)
        return msgspec.structs.replace(
            request,
            hook=hook if hook in answered else request.hook,
            trigger=f"{profile.triggers.names.get(value, 'trigger')} ({value}), on {request.hook}",
        )
    return request


def _renamed(prefetch: Mapping[str, T], ours: Mapping[str, str]) -> dict[str, T]:
    """With our keys; what comes under the client's name goes before what comes under ours, in whatever order they are."""
    kept = {key: value for key, value in prefetch.items() if key not in ours}
    return kept | {ours[key]: value for key, value in prefetch.items() if key in ours}


def _trigger(request: HookRequest, profile: Profile) -> str:
    """The value of the trigger extension if it is one that the profile names; what a client sends beside is its own."""
    try:
        raw = _EXTENSION.decode(request.extension).get(profile.triggers.extension)
        value = "" if raw is None else str(_VALUE.decode(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return value if value in profile.triggers.names else ""
