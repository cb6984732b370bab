"""Who may see patient data here: an auditor reads, the learner exports, nobody else; an EHR's token opens nothing.

Tokens are compared by their hashes in constant time; what is wrong with one is said to the log only.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from hashlib import sha256
from typing import Literal

from services.guidance.errors import NotAuthenticated, NotPermitted

Role = Literal["auditor", "learner"]


class Roles:
    """The tokens of this service's readers; a role without one is nobody's."""

    def __init__(self, tokens: Mapping[Role, str]) -> None:
        self._roles = {role: _hash(token) for role, token in tokens.items() if token}

    def check(self, authorization: str, *wanted: Role) -> Role:
        """The role that the header proves; NotAuthenticated if none, NotPermitted if not a wanted one."""
        scheme, _, shown = authorization.partition(" ")
        hashed = _hash(shown.strip())
        # Every hash is compared, so that the time says nothing of which one is near.
        proved = [role for role, kept in self._roles.items() if hmac.compare_digest(hashed, kept)]
        if scheme.lower() != "bearer" or not proved:
            raise NotAuthenticated(
                "no token of a reader was shown",
                place="/fhir",
                remedy="Set KNOWDO_CDS_AUDITOR_TOKEN_FILE or KNOWDO_CDS_EXPORT_TOKEN_FILE, and show that token",
            )
        for role in wanted:
            if role in proved:
                return role
        raise NotPermitted(
            f"the {proved[0]}'s token does not open this", place="/fhir", remedy=f"Ask as {' or '.join(wanted)}"
        )


def _hash(token: str) -> bytes:
    return sha256(token.encode()).digest()
