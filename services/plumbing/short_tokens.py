"""A token of minutes, kept until shortly before its end: whoever asks for it says only how it is asked for."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable


class ShortToken(ABC):
    """One token at a time, asked for by one caller while the others wait."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._token = ""
        self._good_until = 0.0
        self._turn = asyncio.Lock()

    async def current(self) -> str:
        """The token to show now, asked for if there is none or it ends soon."""
        async with self._turn:
            if not self._token or self._clock() >= self._good_until:
                self._token, self._good_until = await self._ask()
            return self._token

    async def renew(self, refused: str) -> bool:
        """Drop the one that was refused, which may have been forgotten early; the next is asked for when it is needed."""
        async with self._turn:
            if self._token == refused:
                self._token = ""
        return True

    @abstractmethod
    async def _ask(self) -> tuple[str, float]:
        """A new token, and until when (seconds, by the clock) it may be shown."""
