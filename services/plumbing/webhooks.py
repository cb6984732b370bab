"""The door to a webhook: a signed POST after the Standard Webhooks specification 1.0.0, to hosts that the operator named.

`webhook-signature` is `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`. Redirects are not followed.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Iterable
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

import httpx

from services.guidance.errors import Refused, Unavailable
from services.plumbing.addresses import AddressGuard, GuardedTransport
from services.timeline.errors import BadInput

SECONDS: Final = 15.0
PREFIX: Final = "whsec_"
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def new_secret() -> str:
    """256 random bits as Standard Webhooks writes them."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """What `webhook-signature` holds."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


def checked_address(url: str, hosts: Iterable[str]) -> str:
    """The address, or BadInput: https (plain http on this machine alone), at a host that the operator named."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        _ = parts.port
    except ValueError:
        host = ""
    if not host or parts.username is not None or parts.fragment or not url.isascii() or not url.isprintable():
        raise BadInput("no address of a webhook", place="webhook", remedy="Write it as https://host/path")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOCAL):
        raise BadInput("a webhook is reached by https", place="webhook", remedy="Write it as https://host/path")
    if host not in {one.lower() for one in hosts}:
        raise BadInput(
            "this host is not among those that notices may be sent to",
            place="webhook",
            remedy="Ask the administrator to name it in KNOWDO_REGISTRY_WEBHOOK_HOSTS",
        )
    return url


def open_webhooks(private: Iterable[str]) -> httpx.AsyncClient:
    """Connections to public addresses and to the private networks that the operator named."""
    transport = GuardedTransport(AddressGuard(allowed=private))
    return httpx.AsyncClient(transport=transport, follow_redirects=False, trust_env=False, timeout=SECONDS)


async def post_webhook(
    http: httpx.AsyncClient, url: str, *, secret: str, message_id: str, timestamp: int, body: bytes
) -> None:
    """Deliver one message; Refused if the receiver is gone for good (410), Unavailable for everything that may pass."""
    headers = {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(secret, message_id, timestamp, body),
    }
    place = urlsplit(url).hostname or ""
    try:
        # Its answer is of no interest, and may be without end.
        async with http.stream("POST", url, content=body, headers=headers) as answer:
            status = answer.status_code
    except httpx.HTTPError as fault:
        raise Unavailable(f"the webhook does not answer ({type(fault).__name__})", place=place) from None
    if status == 410:
        raise Refused("the webhook is gone (410)", place=place)
    if not 200 <= status < 300:
        raise Unavailable(f"the webhook answered {status}", place=place)
