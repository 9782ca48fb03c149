"""Take a screenshot of the interactive map with a clicked pixel. Requires Chromium."""

import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

__all__ = ["main"]

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "runs" / "mer-de-glace-demo" / "products" / "map.html"
TARGET = ROOT / "results" / "published" / "map.png"
#: Size of the picture, pixels.
WIDTH = 730
HEIGHT = 1130
#: Clicked point, as fractions of the width and height of the map; on the glacier, chosen by eye.
CLICK_X = 0.42
CLICK_Y = 0.55
#: Waiting time for drawing the time series of the clicked pixel, milliseconds.
DRAWING_TIME = 1000


def main() -> None:
    """Open the map of the demo run, click it, and write the picture."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(PAGE.as_uri())
        canvas = page.locator(".bk-Canvas").first
        canvas.wait_for()
        box = canvas.bounding_box()
        if box is None:
            raise SystemExit(f"{PAGE} shows no map; run the demo study again: make study")
        x = box["x"] + CLICK_X * box["width"]
        y = box["y"] + CLICK_Y * box["height"]
        page.mouse.click(x, y)
        page.wait_for_timeout(DRAWING_TIME)
        page.screenshot(path=TARGET)
        browser.close()


if __name__ == "__main__":
    main()
