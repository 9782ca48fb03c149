"""Layout of the interactive map in a real browser."""

import pytest
from browsing import needs_chromium, watch_page


@needs_chromium
@pytest.mark.timeout(3600)
def test_the_saved_map_fits_a_phone(smoke, browser):
    page, _, _ = watch_page(browser, width=390, height=844)
    page.goto((smoke / "products" / "map.html").as_uri())
    page.locator(".bk-tab").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    last = page.locator(".bk-tab").last.bounding_box()
    assert last["x"] + last["width"] <= 390, "no tab is cut off"
