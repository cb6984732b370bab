"""The change of the key that signs, without a gap: announced before it signs, and trusted until its last lease is over.

keys add      a next key is made and shown at `/keys` beside the one that signs; CDS services are given both
keys retire   the next key signs from the registry's next start; the old one is shown until its last manifest has expired
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from services.guidance.errors import Refused, Unavailable
from services.guidance.manifest import LONGEST_LEASE
from services.plumbing.keys import SigningKey, write_once
from services.registry.settings import RegistrySettings
from services.registry.tables import instant_of, instant_text
from services.timeline.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownKey:
    """One public key, what it is for, and until when it is trusted."""

    kid: str
    use: Literal["signs", "announced", "former"]
    public: dict[str, str]
    until: datetime | None = None


def known_keys(settings: RegistrySettings, now: datetime) -> list[KnownKey]:
    """The key that signs, the one announced, and those that once signed and may still stand under a running lease."""
    signer = SigningKey.load_or_create(settings.key_path)
    known = [KnownKey(kid=signer.kid, use="signs", public=signer.public())]
    if _next(settings).exists():
        announced = SigningKey.load_or_create(_next(settings))
        known.append(KnownKey(kid=announced.kid, use="announced", public=announced.public()))
    for one in _former(settings):
        until = instant_of(one["until"])
        if until > now:
            known.append(KnownKey(kid=one["key"]["kid"], use="former", public=one["key"], until=until))
    return known


def announce(settings: RegistrySettings) -> KnownKey:
    """Make the next key; Refused if one is announced already."""
    if _next(settings).exists():
        raise Refused(
            "a next key is announced already", place=str(_next(settings)), remedy="See `knowdo registry keys list`"
        )
    key = SigningKey.load_or_create(_next(settings))
    return KnownKey(kid=key.kid, use="announced", public=key.public())


def retire(settings: RegistrySettings, kid: str, now: datetime) -> KnownKey:
    """Let the announced key take over from `kid`, which must be the one that signs; Refused without one announced."""
    signer = SigningKey.load_or_create(settings.key_path)
    if kid != signer.kid:
        raise BadInput("that key does not sign", place=kid[:80], remedy=f"The one that signs is {signer.kid}")
    if not _next(settings).exists():
        raise Refused(
            "no next key is announced",
            place="keys",
            remedy="Run `knowdo registry keys add`, and hand both to every CDS",
        )
    until = now + LONGEST_LEASE
    kept = [one for one in _former(settings) if instant_of(one["until"]) > now]
    former = [*kept, {"key": signer.public(), "until": instant_text(until)}]
    spare = _former_path(settings).with_suffix(".new")
    try:
        spare.unlink(missing_ok=True)
        write_once(spare, json.dumps(former).encode())
        # In this order: at no moment is a key unknown under which a lease may run.
        spare.replace(_former_path(settings))
        _next(settings).replace(settings.key_path)
    except OSError as fault:
        raise Unavailable(
            f"the keys cannot be written ({fault.strerror})", place=str(settings.key_path.parent), remedy="Try again"
        ) from fault
    return KnownKey(kid=signer.kid, use="former", public=signer.public(), until=until)


def _next(settings: RegistrySettings) -> Path:
    return settings.key_path.with_name(f"next-{settings.key_path.name}")


def _former_path(settings: RegistrySettings) -> Path:
    return settings.key_path.with_name(f"former-{settings.key_path.stem}s.json")


def _former(settings: RegistrySettings) -> list[dict[str, Any]]:
    path = _former_path(settings)
    try:
        found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as fault:
        raise BadInput("former keys cannot be read", place=str(path), remedy="Restore the file from backup") from fault
    return found
