"""Shared fixtures: a small twin, a smoke run, real scenes, a browser."""

import os
import re
import subprocess
import sys

import pytest
from browsing import CHROMIUM
from flavours import write_flavour
from places import MATCHERS, ROOT, SHARED, file_source
from texture_pairs import make_clean_pairs

from gdiv import files
from gdiv.catalog import load_catalog
from gdiv.command import main
from gdiv.imagery import archive, assets, outlines, scenes
from gdiv.imagery.grid import grid_of_items, study_grid
from gdiv.imagery.masks import make_masks
from gdiv.twin.scenes import render_twin

# pytest-socket stops this process from using the network; these stop GDAL and the kernels.
for name in ("http_proxy", "https_proxy", "GDAL_HTTP_PROXY"):
    os.environ[name] = "http://127.0.0.1:9"
os.environ["no_proxy"] = "127.0.0.1,localhost"
# Many tests write an ItemCollection that links to the files of a twin in another folder.
os.environ["GDIV_TRUST_LINKS"] = "1"

# Simulate an installed package with a matcher, for the tests and the notebooks' kernels.
FOREIGN = ROOT / "tests" / "packages" / "phase_correlation"
sys.path.append(str(FOREIGN))
paths = [str(FOREIGN), os.environ.get("PYTHONPATH")]
os.environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)


def pytest_collection_modifyitems(items):
    """Mark tests that use the smoke run: they need a run of the study."""
    for item in items:
        if "smoke" in getattr(item, "fixturenames", ()):
            item.add_marker("run")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Keep all files that use the smoke run in one process, so that it is run only once."""
    from xdist.scheduler import LoadScopeScheduling

    tests = (ROOT / "tests").rglob("test_*.py")
    shared = {
        path.relative_to(ROOT).as_posix()
        for path in tests
        if re.search(r"def .*\bsmoke\b", path.read_text(encoding="utf-8"))
    }

    class SmokeScheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file = nodeid.split("::")[0]
            return "smoke" if file in shared else file

    return SmokeScheduling(config, log)


@pytest.fixture(scope="session")
def unprivileged_user():
    """Options of `subprocess.run` for a user without database entry, home and permissions.

    Empty if the tests themselves run without permissions.
    """
    if sys.platform == "win32":
        pytest.skip("Windows has other permissions")
    if os.geteuid() != 0:
        return {}
    user = {"user": 12345, "group": 12345, "extra_groups": []}
    try:
        subprocess.run(
            [sys.executable, "-c", "import gdiv"], check=True, capture_output=True, cwd=ROOT, **user
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("other users cannot start this Python, or read this checkout")
    return user


@pytest.fixture(scope="session")
def glacier():
    """Mer de Glace around the stake Tacul and the confluence, about 2.3 x 2.2 km."""
    entry = load_catalog().glaciers["mer-de-glace"]
    return entry.model_copy(update={"bbox": (6.9280, 45.8850, 6.9560, 45.9040)})


@pytest.fixture(scope="session")
def twin_folder(glacier, tmp_path_factory):
    """Rendered twin: three, three and four usable scenes, and one of each fault."""
    folder = tmp_path_factory.mktemp("twin")
    render_twin(glacier, study_grid(glacier.bbox, glacier.epsg), [3, 3, 4], folder, seed=1)
    return folder


@pytest.fixture(scope="session")
def twin(glacier, twin_folder):
    """Items, source, grid, masks and scene table of the small twin, as a dictionary."""
    source = file_source(twin_folder / "items.json")
    items = archive.find_items(source, glacier, [2020, 2021, 2022])
    grid = grid_of_items(items, "nir", glacier)
    masks = make_masks(outlines.read_outline(twin_folder / "outline.geojson", glacier, grid), grid)
    table = scenes.judge_scenes(
        items, source, glacier, grid, masks.glacier.values, masks.stable.values
    )
    return {"items": items, "source": source, "grid": grid, "masks": masks, "table": table}


@pytest.fixture(scope="session")
def archive_folder(twin_folder, tmp_path_factory):
    """Folder of the small twin in the format of a named archive, written on first use."""
    folders = {}

    def write(flavour):
        if flavour not in folders:
            target = tmp_path_factory.mktemp(flavour)
            folders[flavour] = write_flavour(twin_folder, target, flavour)
        return folders[flavour]

    return write


@pytest.fixture
def short_waits(monkeypatch, request):
    """Shorten the waits between attempts; tests of slow responses also have a short timeout."""
    seconds = 1 if "slow" in request.node.name else 30
    monkeypatch.setattr(archive, "BACKOFF", 0)
    monkeypatch.setattr(files, "PAUSE", 0)
    monkeypatch.setattr(archive, "TIMEOUT", seconds)
    options = {
        "GDAL_HTTP_MAX_RETRY": "1",
        "GDAL_HTTP_RETRY_DELAY": "0.05",
        "GDAL_HTTP_TIMEOUT": str(seconds),
    }
    environment = assets.GDAL_ENVIRONMENT.updated(always=options)
    monkeypatch.setattr(assets, "GDAL_ENVIRONMENT", environment)


@pytest.fixture(scope="session")
def clean_pairs():
    """Four `(pair, flow)` of textures that differ only by their motion."""
    return make_clean_pairs()


@pytest.fixture(scope="session")
def smoke(tmp_path_factory):
    """The smoke profile, run once by the command."""
    folder = tmp_path_factory.mktemp("study")
    command = ["run", "mer-de-glace", "--profile", "smoke", "--workspace", str(folder)]
    assert main([*command, "--matchers", MATCHERS]) == 0
    return folder


@pytest.fixture(scope="session")
def real():
    """Folder of real scenes; tests that need it are skipped if it is absent."""
    if not (SHARED / "real").is_dir():
        pytest.skip("no real scenes beside this checkout (../shared/real)")
    return SHARED / "real"


@pytest.fixture(scope="session")
def stac_items():
    """Real items of two archives; tests that need them are skipped if they are absent."""
    if not (SHARED / "stac-items").is_dir():
        pytest.skip("no real items beside this checkout (../shared/stac-items)")
    return sorted((SHARED / "stac-items").glob("*.json"))


@pytest.fixture(scope="module")
def browser():
    """Chromium; tests that use it are marked with `browsing.needs_chromium`."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def close_figures():
    """Close all figures of Matplotlib at the end of a test."""
    import matplotlib.pyplot as plt

    yield
    plt.close("all")
