"""The names of the client profiles: the dialects that CDS clients speak."""

from __future__ import annotations

from typing import Final, Literal, get_args

ProfileName = Literal["default", "epic", "oracle", "sandbox", "demo"]
PROFILE_NAMES: Final[tuple[ProfileName, ...]] = get_args(ProfileName)
