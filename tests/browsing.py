"""A real browser, if this machine has one, and pages whose requests are recorded."""

import shutil

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(
    not CHROMIUM, reason="no Chromium on this machine (Debian: apt-get install chromium)"
)


def watch_page(browser, **size):
    """Open a page; return it, the list of its requests, and the list of its errors."""
    page = browser.new_page(viewport=size)
    requests = []
    errors = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    return page, requests, errors
