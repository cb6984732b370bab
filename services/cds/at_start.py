"""What is said at start-up, so that it need not be asked later: demo doors that stand open, and what is missing."""

from __future__ import annotations

from pathlib import Path

from services.cds.callers.client_auth import ClientAuth
from services.cds.governed.approved import Approved
from services.cds.settings import CdsSettings
from services.plumbing.logs import get_logger

_log = get_logger("cds")


def warn(settings: CdsSettings, approved: Approved, auth: ClientAuth, pinned: Path) -> None:
    """Say at start-up what will otherwise be asked later."""
    if settings.trust_sandbox:
        _log.warning("DEMO: the public Sandbox is trusted, so anyone can call", remedy="Unset KNOWDO_CDS_TRUST_SANDBOX")
    if settings.open:
        _log.warning("DEMO: this service answers anyone", remedy="Unset KNOWDO_CDS_OPEN")
    elif settings.demo:
        _log.warning("DEMO: a generated demo client is trusted", remedy="Unset KNOWDO_DEMO for real patients")
    elif not auth.issuers:
        _log.error("no CDS client is trusted: every call gets 401", remedy="`knowdo cds trust add --help`")
    if approved.keys is None and not settings.demo:
        _log.error(
            "the registry's public keys are not pinned: nothing is served",
            place=str(pinned),
            remedy="Write the registry's answer at /keys there, over a way you trust",
        )
