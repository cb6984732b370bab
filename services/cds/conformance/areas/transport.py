"""TLS: the versions that a service speaks."""

from __future__ import annotations

import socket
import ssl
import warnings
from typing import Final
from urllib.parse import urlsplit

from services.cds.conformance.checks import Faults, NoAnswer, Skipped, check
from services.cds.conformance.target import Target, on_this_machine

OLD: Final = ssl.TLSVersion.TLSv1_1


@check(1, "I1")
def https_is_spoken(target: Target) -> Faults:
    """The base URL is https, with TLS 1.2 or later."""
    if not target.base.startswith("https:"):
        if on_this_machine(target.base):
            raise Skipped("plain HTTP on this machine, as in development: check the address that EHRs call")
        yield f"{target.base} is not https"
        return
    spoken = _handshake(target, least=ssl.TLSVersion.TLSv1_2)
    if spoken is None:
        yield "no TLS 1.2 or later is spoken"


@check(1, "I1", level="SHOULD")
def old_tls_is_refused(target: Target) -> Faults:
    """TLS 1.1 and older are refused."""
    if not target.base.startswith("https:"):
        raise Skipped("plain HTTP")
    if (spoken := _handshake(target, least=ssl.TLSVersion.MINIMUM_SUPPORTED, most=OLD)) is not None:
        yield f"{spoken} is spoken"


def _handshake(target: Target, *, least: ssl.TLSVersion, most: ssl.TLSVersion | None = None) -> str | None:
    """The TLS version that is agreed on within these limits; None if none is."""
    parts = urlsplit(target.base)
    # Only the version is asked about; whether the certificate is trusted, every other request of the check has shown.
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with warnings.catch_warnings():
            # Old versions are named in order to see that they are refused.
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = least
            if most is not None:
                context.maximum_version = most
                context.set_ciphers("ALL:@SECLEVEL=0")
    except (ValueError, ssl.SSLError) as fault:
        raise Skipped("this machine's TLS library cannot offer that version") from fault
    try:
        with (
            socket.create_connection((parts.hostname, parts.port or 443), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=parts.hostname) as wrapped,
        ):
            return wrapped.version()
    except ssl.SSLError:
        return None
    except OSError as fault:
        raise NoAnswer(f"no connection ({type(fault).__name__})") from fault
