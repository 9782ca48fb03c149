"""Notebooks: their form, the results they save and open, and JupyterLab running them."""

import json
import os
import re
import subprocess
import sys
import time

import pytest
from browsing import needs_chromium, watch_page
from figure_data import EPSG, make_map
from places import ROOT

from gdiv.study.results import RESULTS, find_result

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# Cells of a notebook for drawing an outline.
DRAWING = (
    "import gdiv\noutline = gdiv.draw_outline('scene.tif')\noutline",
    "outline.save('outline.geojson')\noutline.to_frame().area.round(-3).tolist()",
)
PARAMETERS = ["glacier", "profile", "source", "workspace"]


def load(path):
    """Read a notebook; return its content, and text and kind of each cell."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    text = ["".join(cell["source"]) for cell in notebook["cells"]]
    kinds = [cell["cell_type"] for cell in notebook["cells"]]
    return notebook, text, kinds


def code_lines(source):
    """Lines of a cell that are not empty."""
    return [line for line in source.split("\n") if line.strip()]


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return request.param


def test_notebooks_are_numbered_in_order():
    assert [path.name[:2] for path in NOTEBOOKS] == [
        f"{n:02d}" for n in range(len(NOTEBOOKS))
    ] and len(NOTEBOOKS) >= 8


def test_notebooks_are_stored_with_a_kernel_and_without_outputs(notebook):
    content, _, _ = load(notebook)
    assert content["metadata"]["kernelspec"]["name"] == "python3"
    for cell in content["cells"]:
        assert not cell.get("outputs") and cell.get("execution_count") is None


def test_notebooks_are_short_and_explained(notebook):
    _, text, kinds = load(notebook)
    code = [code_lines(source) for source, kind in zip(text, kinds, strict=True) if kind == "code"]
    assert sum(map(len, code)) <= 100
    assert max(map(len, code)) <= 20
    assert kinds.count("markdown") >= kinds.count("code")


def test_notebooks_define_no_methods_and_no_paths(notebook):
    _, text, kinds = load(notebook)
    code = "\n".join(source for source, kind in zip(text, kinds, strict=True) if kind == "code")
    assert not re.search(r"^\s*(def|class|while|try) ", code, re.M)
    assert not re.search(r"\b(import os|pathlib|Path\(|open\(['\"]/)", code)
    assert not re.search(r"for .*\bpair\b.* in .*pairs", code)


def test_notebooks_begin_with_their_contract(notebook):
    _, text, kinds = load(notebook)
    first = text[0]
    assert kinds[0] == "markdown" and first.startswith(f"# {notebook.name[:2]} · ")
    assert re.search(r"^\*\*.*\?.*\*\*", first, re.M | re.S), "question and answer in bold"
    for row in ("| reads |", "| writes |", "| takes |", "next |", "| differs from the paper |"):
        assert row in first
    assert "This notebook shows" in first
    assert re.search(r"\| takes \|.* minutes to read \|", first)
    assert "**One limitation" in "".join(text)


def test_notebooks_have_one_parameters_cell_of_annotated_literals(notebook):
    content, text, _ = load(notebook)
    tagged = [
        i
        for i, cell in enumerate(content["cells"])
        if "parameters" in cell["metadata"].get("tags", [])
    ]
    assert len(tagged) == 1
    rows = code_lines(text[tagged[0]])
    assert [row.split(":")[0] for row in rows][:4] == PARAMETERS
    for row in rows:
        assert re.fullmatch(r"\w+: (str|int|float|bool) = (\".*\"|[\d.]+|True|False)  # .+", row), (
            row
        )


# Claims quoted by each notebook. Other numbers are from the paper, a method or real scenes, and do
# not change with a run.
ENDS = ("", "_low", "_high")
QUOTED = {
    "00": [f"mosaic.{name}.rmse{end}" for name in ("raft", "horn-schunck") for end in ENDS],
    "03": ["labels.error", "labels.motion"],
    "05": [f"pairs.{name}.error" for name in ("raft", "horn-schunck", "zero")],
    "06": [f"mosaic.raft.rmse{end}" for end in ENDS],
    "08": ["choices.all_pairs", "choices.one_pair", "choices.unregistered"],
}
FIXED = {"7.69", "2.18", "2.45", "2.71", "0.1", "0.5", "2.5", "6.08"}


def test_quoted_results_are_published_ones(notebook):
    """This test fails if a number in the text is outdated because a result has changed."""
    published = json.loads((ROOT / "results" / "published" / "claims.json").read_text())
    values = [published[key]["value"] for key in QUOTED.get(notebook.name[:2], [])]
    known = {f"{value:.{digits}f}" for value in values for digits in (1, 2)}
    _, text, kinds = load(notebook)
    cells = zip(text, kinds, strict=True)
    prose = "\n".join(source for source, kind in cells if kind == "markdown")
    unit = r"(?: and [\d.]+)? (?:m/yr|px|pixels?)\b(?: \(([\d.]+) to ([\d.]+)\))?"
    quoted = {number for row in re.findall(rf"(\d+\.\d+){unit}", prose) for number in row if number}
    assert quoted - FIXED <= known


def test_links_have_a_target(notebook):
    _, text, _ = load(notebook)
    for target in re.findall(r"\]\(([^)#]+)\)", "".join(text)):
        assert target.startswith("http") or (notebook.parent / target).exists(), target


def test_results_are_saved_by_their_notebook_before_another_opens_them():
    saved = {}
    for path in NOTEBOOKS:
        code = "\n".join(load(path)[1])
        for call, name in re.findall(r'study\.(open|save)\(f?"([^"]+)"', code):
            result = find_result(name)
            if call == "save":
                saved[result.name] = path.name[:2]
            assert result.name in saved, f"{path.name} opens {name}, which nothing has saved"
    assert saved == {result.name: result.maker for result in RESULTS}


@pytest.fixture(scope="module")
def lab(smoke, tmp_path_factory):
    """Address of JupyterLab with copies of the notebooks that read the finished smoke run."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "notebooks").mkdir()
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        content = json.loads(path.read_text(encoding="utf-8"))
        cell = next(
            cell for cell in content["cells"] if "parameters" in cell["metadata"].get("tags", [])
        )
        source = "".join(cell["source"]).replace('profile: str = "demo"', 'profile: str = "smoke"')
        cell["source"] = source.replace('workspace: str = ""', f'workspace: str = "{smoke}"')
        (folder / "notebooks" / path.name).write_text(json.dumps(content), encoding="utf-8")
    make_map().rio.write_crs(EPSG).rio.to_raster(folder / "notebooks" / "scene.tif")
    content["cells"] = [
        {"cell_type": "code", "id": str(number), "metadata": {}, "source": source}
        | {"execution_count": None, "outputs": []}
        for number, source in enumerate(DRAWING)
    ]
    (folder / "notebooks" / "drawing.ipynb").write_text(json.dumps(content), encoding="utf-8")
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += ["--expose-app-in-browser"]
    command += ["--ServerApp.port=0", "--IdentityProvider.token=", f"--ServerApp.root_dir={folder}"]
    log = (folder / "lab.log").open("w")
    folders = {"JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces")}
    options = {"env": os.environ | folders, "cwd": folder, "stdout": log, "stderr": log}
    workspace = str(ROOT / "binder" / "workspace.json")
    imports = [sys.executable, "-m", "jupyter", "lab", "workspaces", "import", workspace]
    subprocess.run(imports, check=True, **options)
    server = subprocess.Popen(command, **options)
    address = None
    for _ in range(120):
        time.sleep(0.5)
        printed = (folder / "lab.log").read_text()
        if match := re.search(r"http://(?:localhost|127\.0\.0\.1):\d+", printed):
            address = match[0]
            break
    yield address
    server.terminate()
    server.wait(20)
    log.close()


CELLS = """Array.from(window.jupyterapp.shell.currentWidget.content.model.cells)
    .filter(cell => cell.type == "code").map(cell => cell.toJSON())"""
IDLE = """window.jupyterapp?.shell.currentWidget?.context?.isReady
    && window.jupyterapp.shell.currentWidget.sessionContext?.session?.kernel?.status == 'idle'"""


def open_in_lab(page, lab, name):
    """Open a notebook in JupyterLab and wait for its kernel."""
    page.goto(f"{lab}/lab/tree/notebooks/{name}.ipynb?reset")
    page.wait_for_function(IDLE, timeout=90_000)
    if (question := page.get_by_role("button", name="No", exact=True)).count():
        question.first.click()


@needs_chromium
@pytest.mark.timeout(3600)
def test_the_workspace_of_binder_opens_the_first_notebook(lab, browser):
    page, _, _ = watch_page(browser, width=1300, height=800)
    page.goto(f"{lab}/lab")
    page.wait_for_function(IDLE, timeout=90_000)
    path = page.evaluate("window.jupyterapp.shell.currentWidget.context.path")
    assert path == "notebooks/00_the_study_on_one_page.ipynb"
    page.close()


@needs_chromium
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "name", ["00_the_study_on_one_page", "06_a_year_of_motion", "07_maps_and_products"]
)
def test_jupyterlab_runs_all_cells_and_draws(lab, browser, smoke, name):
    assert lab, "JupyterLab did not start"
    page, _, _ = watch_page(browser, width=1300, height=1000)
    open_in_lab(page, lab, name)
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
        page.locator(".bk-Canvas").first.scroll_into_view_if_needed()
        box = page.locator(".bk-Canvas").first.bounding_box()
        page.mouse.move(box["x"] + 0.45 * box["width"], box["y"] + 0.45 * box["height"])
        page.get_by_text("speed (m/yr)").and_(
            page.locator(".bk-tooltip-row-label")
        ).first.wait_for()
    page.screenshot(path=smoke.parent / f"{name}.png")
    page.close()


@needs_chromium
@pytest.mark.timeout(3600)
def test_an_outline_is_drawn_in_jupyterlab(lab, browser):
    page, _, _ = watch_page(browser, width=1300, height=1200)
    open_in_lab(page, lab, "drawing")
    page.locator(".jp-Cell").first.click()
    page.keyboard.press("Shift+Enter")
    canvas = page.locator(".bk-Canvas").first
    canvas.wait_for(timeout=90_000)
    page.wait_for_timeout(1000)
    box = canvas.bounding_box()
    corners = [(0.2, 0.2), (0.6, 0.2), (0.6, 0.7), (0.2, 0.7)]
    for number, (across, down) in enumerate(corners):
        page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])
        page.mouse.down()
        page.wait_for_timeout(500 if number in (0, 3) else 30)  # a long press begins and ends
        page.mouse.up()
        page.wait_for_timeout(500)
    page.locator(".jp-Cell").last.click()
    page.keyboard.press("Shift+Enter")
    page.wait_for_function(f"({CELLS})[1].execution_count", timeout=60_000)
    (output,) = page.evaluate(CELLS)[1]["outputs"]
    (area,) = json.loads(output["data"]["text/plain"])
    assert area == pytest.approx(0.4 * 0.5 * 400 * 400, rel=0.2)
    page.close()
