"""Pictures of the console for docs/images, from a registry with content in a real browser.

A few by name for the guides, and every page in light and dark, on a desk and on a telephone, in `console/`.

Example: python -m tests.registry.console.screenshots
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Final

from PIL import Image
from sqlalchemy import Connection

from services.guidance.policies import Policy
from tests.browser.chromium import Scheme, chromium, why_not
from tests.browser.screenshots import IMAGES, small
from tests.registry.console import content
from tests.registry.console.served import served

SHOTS: Final[tuple[tuple[str, str, int, int, Scheme], ...]] = (
    ("console-overview", "overview", 1280, 1500, "light"),
    ("console-guidance", "guidance", 1280, 1700, "light"),
    ("console-compare", "compare", 1280, 2000, "light"),
    ("console-memory", "memory-search", 1280, 1240, "light"),
    ("console-review", "review", 1280, 2600, "light"),
    ("console-deploy", "deploy-one", 1280, 1300, "light"),
    ("console-stop-phone", "stop", 390, 900, "light"),
    ("console-guidance-dark", "guidance", 1280, 1700, "dark"),
    ("console-overview-phone", "overview", 390, 1500, "dark"),
)
"""Name, page, width of the window, how far down it is shown, and colours."""


EVERY: Final[tuple[tuple[int, Scheme], ...]] = ((1280, "light"), (1280, "dark"), (390, "light"), (390, "dark"))
"""Width of the window and colours, of the picture of each page."""
LONGEST: Final = 1400
"""How far down a page is shown: what comes after is on the page itself."""
QUALITY: Final = 40  # of WebP: text stays sharp, and the whole set below four megabytes


def _plain(connection: Connection, policy: Policy, now: datetime) -> dict[str, str]:
    return content.fill(connection, policy, now, nasty="")


def main() -> None:
    """Take every picture, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=IMAGES, help="where the pictures go")
    asked = parser.parse_args()
    if why := why_not():
        sys.exit(why)
    every = asked.images / "console"
    every.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, served(Path(folder), fill=_plain) as registry, chromium() as browser:
        for name, page, width, height, scheme in SHOTS:
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=scheme,
                extra_http_headers=registry.as_("Cleo Equity"),
            )  # fmt: skip
            shown = context.new_page()
            shown.goto(registry.url + registry.pages[page])
            small(shown.screenshot(), asked.images / f"{name}.png")
            context.close()
        for width, scheme in EVERY:
            context = browser.new_context(
                viewport={"width": width, "height": 900}, color_scheme=scheme,
                extra_http_headers=registry.as_("Eve Steward"),
            )  # fmt: skip
            shown = context.new_page()
            for name, address in registry.pages.items():
                if name == "report":  # a stand-in of the tests; real ones are among the report's own pictures
                    continue
                shown.goto(registry.url + address)
                taken = Image.open(io.BytesIO(shown.screenshot(full_page=True)))
                kept = taken.crop((0, 0, taken.width, min(taken.height, LONGEST)))
                kept.save(every / f"{name}-{width}-{scheme}.webp", quality=QUALITY, method=6)
            context.close()


if __name__ == "__main__":
    main()
