"""A picture of the interactive map, with a place clicked and its values told: needs Chromium."""

import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent


def main():
    page_file = ROOT / "runs" / "mer-de-glace-demo" / "products" / "map.html"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 730, "height": 930})
        page.goto(page_file.as_uri())
        canvas = page.locator(".bk-Canvas").first
        canvas.wait_for()
        box = canvas.bounding_box()
        page.mouse.click(box["x"] + 0.42 * box["width"], box["y"] + 0.55 * box["height"])
        page.wait_for_timeout(1000)
        page.screenshot(path=ROOT / "results" / "published" / "map.png")
        browser.close()


if __name__ == "__main__":
    main()
