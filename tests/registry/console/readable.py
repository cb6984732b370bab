"""Whether a page in a browser can be read by everybody: on a desk and on a telephone, light and dark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.browser import looks_of_a_page as looks
from tests.browser.chromium import Scheme

if TYPE_CHECKING:
    from playwright.sync_api import Page

WIDTHS: Final = (1280, 390)
SCHEMES: Final[tuple[Scheme, ...]] = ("light", "dark")
SMALLEST: Final = 12.0  # pixels
NARROWEST: Final = 320  # a window of 1280 at 400 % (WCAG 1.4.10)


def must_be_readable(page: Page, axe: Any) -> None:
    """No violation that axe-core finds, nothing to scroll sideways down to 320 pixels, no text too small or cut."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            # Dark changes colours and nothing else: there only the rule about them is asked again.
            asked = None if scheme == "light" else {"runOnly": ["color-contrast"]}
            found = axe.run(page, options=asked).response["violations"]
            assert [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found] == []
            assert page.evaluate(looks.WIDER) <= 0
            assert [one for one in page.evaluate(looks.SIZES) if one[1] < SMALLEST] == []
            assert [one for one in page.evaluate(looks.MARKS) if one[1] < 3.0] == []
            assert page.evaluate(looks.CUT) == []
    page.set_viewport_size({"width": NARROWEST, "height": 900})
    assert page.evaluate(looks.WIDER) <= 0
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": WIDTHS[0], "height": 900})
