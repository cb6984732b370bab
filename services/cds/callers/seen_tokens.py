"""Which tokens this process has seen: a second use is refused at once, before the decision log is asked.

Kept until a token can no longer be accepted, which is an hour and two clocks' leeway at most; forgotten a minute's worth at a time, so that
no call pays for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable

from services.cds.decisions.decision_log import Token


class SeenTokens:
    """A memory of (issuer, jti) with an end for each."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str]] = set()
        self._ending: dict[int, list[tuple[str, str]]] = {}
        self._swept = 0

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._seen)

    def take_over(self, tokens: Iterable[Token]) -> None:
        """Remember the tokens that an earlier process saw."""
        for token in tokens:
            self._remember(token)

    def first_use(self, token: Token, *, now: float) -> bool:
        """Whether this token was never seen; from now on it was."""
        minute = int(now) // 60
        if minute != self._swept:
            self._swept = minute
            for ended in [one for one in self._ending if one < minute]:
                self._seen.difference_update(self._ending.pop(ended))
        return self._remember(token)

    def _remember(self, token: Token) -> bool:
        key = (token.iss, token.jti)
        if key in self._seen:
            return False
        self._seen.add(key)
        self._ending.setdefault(token.expires_at // 60, []).append(key)
        return True
