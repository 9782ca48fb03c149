"""In a real browser: the saved map offline, and JupyterLab running the notebooks."""

import json
import os
import re
import shutil
import subprocess
import sys
import time

import pytest
from places import ROOT

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.skipif(
        not CHROMIUM, reason="no Chromium on this machine (Debian: apt-get install chromium)"
    ),
    pytest.mark.timeout(600),
]


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def watched(browser, **size):
    """A page, what it asked the network for, and the errors it logged."""
    page, asked, errors = browser.new_page(viewport=size), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    return page, asked, errors


def test_the_map_lives_in_one_file_without_a_network(smoke, browser):
    path = smoke / "products" / "map.html"
    assert path.stat().st_size < 5e6
    page, asked, errors = watched(browser, width=900, height=1100)
    page.goto(path.as_uri())
    tabs = page.locator(".bk-tab")
    tabs.first.wait_for()
    names = tabs.all_inner_texts()
    assert (
        names[:4] == ["RAFT", "error", "pairs", "Horn-Schunck"]
        and names[-1] == "Horn-Schunck − RAFT"
    )
    speed = page.locator(".bk-Canvas").first
    box = speed.bounding_box()
    place = box["x"] + 0.45 * box["width"], box["y"] + 0.5 * box["height"]
    page.mouse.move(*place)
    for label in ("speed (m/yr)", "error (m/yr)", "north (m/yr)"):
        page.get_by_text(label).and_(page.locator(".bk-tooltip-row-label")).first.wait_for()
    assert float(page.locator(".bk-tooltip-row-value").nth(2).inner_text()) > 10
    drawn = page.evaluate("Bokeh.documents[0].roots()[0].children[1].title.text")
    page.mouse.click(*place)
    page.wait_for_function("Bokeh.documents[0].roots()[0].children[1].title.text.includes(' E, ')")
    assert "click the map" in drawn
    tabs.last.click()
    page.wait_for_timeout(500)
    assert not [url for url in asked if url.startswith("http")] and not errors


@pytest.fixture(scope="module")
def lab(smoke, tmp_path_factory):
    """JupyterLab on copies of the notebooks that read the finished smoke run."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "notebooks").mkdir()
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        cell = next(
            cell for cell in notebook["cells"] if "parameters" in cell["metadata"].get("tags", [])
        )
        source = "".join(cell["source"]).replace('profile: str = "demo"', 'profile: str = "smoke"')
        cell["source"] = source.replace('workspace: str = ""', f'workspace: str = "{smoke}"')
        (folder / "notebooks" / path.name).write_text(json.dumps(notebook), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--allow-root",
        "--expose-app-in-browser",
    ]
    command += ["--ServerApp.port=0", "--IdentityProvider.token=", f"--ServerApp.root_dir={folder}"]
    log = (folder / "lab.log").open("w")
    places = {"JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces")}
    with_places = {"env": os.environ | places, "cwd": folder, "stdout": log, "stderr": log}
    opened = [
        sys.executable,
        "-m",
        "jupyter",
        "lab",
        "workspaces",
        "import",
        str(ROOT / "binder" / "workspace.json"),
    ]
    subprocess.run(opened, check=True, **with_places)
    server = subprocess.Popen(command, **with_places)
    address = None
    for _ in range(120):
        time.sleep(0.5)
        if found := re.search(
            r"http://(?:localhost|127\.0\.0\.1):\d+", (folder / "lab.log").read_text()
        ):
            address = found[0]
            break
    yield address
    server.terminate()
    server.wait(20)
    log.close()


CELLS = """Array.from(window.jupyterapp.shell.currentWidget.content.model.cells)
    .filter(cell => cell.type == "code").map(cell => cell.toJSON())"""
IDLE = """window.jupyterapp?.shell.currentWidget?.context?.isReady
    && window.jupyterapp.shell.currentWidget.sessionContext?.session?.kernel?.status == 'idle'"""


def test_binders_workspace_opens_the_first_notebook(lab, browser):
    page, _, _ = watched(browser, width=1300, height=800)
    page.goto(f"{lab}/lab")
    page.wait_for_function(IDLE, timeout=90_000)
    path = page.evaluate("window.jupyterapp.shell.currentWidget.context.path")
    assert path == "notebooks/00_the_study_on_one_page.ipynb"
    page.close()


@pytest.mark.parametrize(
    "name", ["00_the_study_on_one_page", "06_a_year_of_motion", "07_maps_and_products"]
)
def test_jupyterlab_runs_every_cell_and_draws(lab, browser, smoke, name):
    assert lab, "JupyterLab did not start"
    page, _, _ = watched(browser, width=1300, height=1000)
    page.goto(f"{lab}/lab/tree/notebooks/{name}.ipynb?reset")
    page.wait_for_function(IDLE, timeout=90_000)
    if (news := page.get_by_role("button", name="No", exact=True)).count():
        news.first.click()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    page.wait_for_function(f"({CELLS}).every(cell => cell.execution_count)", timeout=300_000)
    outputs = [output for cell in page.evaluate(CELLS) for output in cell["outputs"]]
    assert outputs and not [o for o in outputs if o["output_type"] == "error"]
    kinds = [kind for output in outputs for kind in output.get("data", {})]
    if name.startswith("06"):
        assert kinds.count("image/png") >= 8
    if name.startswith("07"):
        tab = page.locator(".bk-tab").first
        page.wait_for_timeout(1000)
        page.evaluate(
            "window.jupyterapp.shell.currentWidget.content.widgets.at(-3).node.scrollIntoView()"
        )
        tab.wait_for(timeout=30_000)
        tab.scroll_into_view_if_needed()
        box = page.locator(".bk-Canvas").first.bounding_box()
        page.mouse.move(box["x"] + 0.45 * box["width"], box["y"] + 0.45 * box["height"])
        page.get_by_text("speed (m/yr)").and_(
            page.locator(".bk-tooltip-row-label")
        ).first.wait_for()
    page.screenshot(path=smoke.parent / f"{name}.png")
    page.close()
