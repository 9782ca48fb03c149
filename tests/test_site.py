"""The site builds without warnings, works offline and has no broken links."""

import re
import subprocess
import sys
from urllib.parse import unquote

import pytest
from browsing import needs_chromium, watch_page
from places import ROOT

import gdiv


@pytest.fixture(scope="module")
def site(smoke, tmp_path_factory):
    """The site of the smoke run, built from a copy of its sources."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("site")
    for name in ("docs", "gdiv", "results", "README.md", "CONTRIBUTING.md"):
        subprocess.run(["cp", "-r", str(ROOT / name), str(source)], check=True)
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-q",
        "-W",
        "--keep-going",
        "-E",
        "-b",
        "html",
        "-D",
        f"study={smoke}",
    ]
    done = subprocess.run(
        [*command, str(source / "docs"), str(target)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return target


def pages(site):
    return sorted(path for path in site.rglob("*.html") if "_static" not in path.parts)


def test_every_notebook_has_its_page(site):
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        assert (site / "notebooks" / f"{path.stem}.html").exists()


def test_every_public_name_has_its_page(site):
    listed = (site / "api.html").read_text(encoding="utf-8")
    for name in set(gdiv.__all__) - {"__version__"}:
        assert f'href="api/gdiv.{name}.html' in listed
        page = (site / "api" / f"gdiv.{name}.html").read_text(encoding="utf-8")
        assert f'id="gdiv.{name}"' in page


def test_every_module_is_listed(site):
    without_page = {"gdiv", "gdiv.accessor", "gdiv.version"}  # the accessor is a page of the API
    for path in (ROOT / "gdiv").rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        module = ".".join(part for part in parts if part != "__init__")
        if module not in without_page and parts[-1] != "__main__":
            page = (site / "modules" / f"{module}.html").read_text(encoding="utf-8")
            assert f'id="module-{module}"' in page


def test_links_have_targets_and_pages_work_offline(site):
    for path in pages(site):
        text = path.read_text(encoding="utf-8")
        assert len(text) < 5e6, path.name
        assert not re.search(r'<(script|link|img|iframe)\b[^>]+(src|href)="(https?:)?//', text), (
            path.name
        )
        if path.name == "map.html":
            continue
        text = re.sub(r"<script\b.*?</script>", "", text, flags=re.S)  # Bokeh makes links itself
        for target in re.findall(r'(?:href|src)="([^"#?:]+)(?:[?#][^"]*)?"', text):
            assert (path.parent / unquote(target)).exists(), f"{path.name} leads to {target}"


def test_formulas_are_rendered_by_the_browser(site):
    text = (site / "notebooks" / "03_horn_schunck_labels.html").read_text(encoding="utf-8")
    assert text.count("<math") > 5 and not re.search("<script[^>]+mathjax", text, re.I)


def test_the_site_contains_no_local_path(site, smoke):
    for path in pages(site):
        text = path.read_text(encoding="utf-8")
        assert str(smoke) not in text and str(ROOT) not in text and "PosixPath" not in text, (
            path.name
        )


@needs_chromium
def test_pages_fit_phone_and_desktop_and_the_map_is_interactive(site, browser):
    page, asked, errors = watch_page(browser, width=1300, height=900)
    for path in pages(site):
        page.goto(path.as_uri())
        page.wait_for_timeout(300)
        if path.name.startswith("07"):
            page.locator(".bk-tab").first.wait_for()
            assert page.locator(".bk-tab").count() >= 6
        for width in (1300, 390):
            page.set_viewport_size({"width": width, "height": 900})
            over = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert over <= 0 or path.name == "map.html", (
                f"{path.name} is {over} px too wide for {width}"
            )
    assert not [url for url in asked if url.startswith("http")] and not errors
    page.close()
