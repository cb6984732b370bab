"""Pictures of the report for docs/images, from a real training run on a demo hospital in a real browser.

Example: python -m tests.browser.screenshots --patients 4000
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Final

from PIL import Image

from services.demo.hospital import Hospital, write_hospital
from services.learner.intake.ingest import ingest
from services.learner.retrain import train
from services.learner.run_log import REPORT_FILE
from services.plumbing.event_store import EventStore
from tests.browser.chromium import Scheme, chromium, opened, why_not

PROJECT: Final = Path(__file__).resolve().parents[2]
IMAGES: Final = PROJECT / "docs" / "images"
GUIDANCE: Final = PROJECT / "services" / "guidance" / "library" / "readmission-30d"
UNTIL: Final = date(2026, 11, 1)

SHOTS: Final[tuple[tuple[str, str, int, Scheme], ...]] = (
    ("report-page-one", "main > section:nth-of-type(1)", 1280, "light"),
    ("report-people", "#tree, #hundred", 1280, "light"),
    ("report-calibration", "#calibration", 1280, "light"),
    ("report-groups", "#groups", 1280, "light"),
    ("report-decision-dark", "#decision, #work", 1280, "dark"),
    ("report-phone", "#tree, #hundred", 390, "light"),
    ("report-shapes", "#shapes", 1280, "light"),
)
"""Name, what is shown (from the first of these to the last), width of the window, and colours."""


def report(patients: int, folder: Path) -> Path:
    """The page of a training run on so many made-up patients."""
    write_hospital(Hospital.ending(UNTIL, seed=7, patients=patients, faults=True), folder / "hospital")
    ingest(folder / "hospital" / "fhir", folder / "store")
    trained = train(GUIDANCE, EventStore.open(folder / "store"), folds=5, seed=0, workers=2, data="synthetic")
    page = folder / "evidence.html"
    page.write_bytes(trained.pack.files[REPORT_FILE])
    return page


def take(page: Path, images: Path) -> None:
    """Every picture, one after the other."""
    images.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        for name, selector, width, scheme in SHOTS:
            with opened(browser, page, width=width, scheme=scheme) as seen:
                boxes = [one.bounding_box() for one in seen.page.locator(selector).all()]
                shown = [box for box in boxes if box is not None]
                left, top = min(box["x"] for box in shown) - 12, min(box["y"] for box in shown) - 12
                right = max(box["x"] + box["width"] for box in shown) + 12
                bottom = max(box["y"] + box["height"] for box in shown) + 12
                clip = {"x": max(left, 0), "y": top, "width": min(right, width) - max(left, 0), "height": bottom - top}
                small(seen.page.screenshot(clip=clip, full_page=True), images / f"{name}.png")  # type: ignore[arg-type]


def small(picture: bytes, file: Path) -> None:
    """Drawings have few colours: a palette makes the file a third of the size, and nothing less sharp."""
    with Image.open(io.BytesIO(picture)) as opened_picture:
        opened_picture.convert("RGB").quantize(colors=256, dither=Image.Dither.NONE).save(file, optimize=True)


def main() -> None:
    """Train (or take a page that is there), and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=4000, help="made-up patients to train on")
    parser.add_argument("--page", type=Path, help="a report that is there already, instead of training")
    parser.add_argument("--images", type=Path, default=IMAGES, help="where the pictures go")
    asked = parser.parse_args()
    if why := why_not():
        sys.exit(why)
    with tempfile.TemporaryDirectory() as folder:
        take(asked.page or report(asked.patients, Path(folder)), asked.images)


if __name__ == "__main__":
    main()
