"""What tests share: a small twin, and where real scenes lie if they are there."""

import os
import subprocess
import sys

import pytest
from places import ROOT, SHARED, file_source

from gdiv.catalog import load_catalog
from gdiv.command import main
from gdiv.imagery import archive, outlines, scenes
from gdiv.imagery.grid import grid_of_items, study_grid
from gdiv.twin.scenes import render_twin

# pytest-socket stops this process; these stop GDAL and the notebooks' kernels from leaving the machine.
for name in ("http_proxy", "https_proxy", "GDAL_HTTP_PROXY"):
    os.environ[name] = "http://127.0.0.1:9"
os.environ["no_proxy"] = "127.0.0.1,localhost"

# A package that offers a matcher, as if it were installed: here, and in the notebooks' kernels.
FOREIGN = ROOT / "tests" / "packages" / "phase_correlation"
sys.path.append(str(FOREIGN))
paths = [str(FOREIGN), os.environ.get("PYTHONPATH")]
os.environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)


def pytest_collection_modifyitems(items):
    """Whatever uses the smoke run needs a run of the study."""
    for item in items:
        if "smoke" in getattr(item, "fixturenames", ()):
            item.add_marker("run")


@pytest.fixture(scope="session")
def stranger():
    """Options of `subprocess.run` for a user without an entry, home or rights; none where we have no rights either."""
    if sys.platform == "win32":
        pytest.skip("rights are set otherwise on Windows")
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
    """A rendered twin: three, three and four usable scenes, and one of each fault."""
    folder = tmp_path_factory.mktemp("twin")
    render_twin(glacier, study_grid(glacier.bbox, glacier.epsg), [3, 3, 4], folder, seed=1)
    return folder


@pytest.fixture(scope="session")
def found(glacier, twin_folder):
    """Items, source, grid, masks and scene table of the small twin, as a dictionary."""
    source = file_source(twin_folder / "items.json")
    items = archive.find_items(source, glacier, [2020, 2021, 2022])
    grid = grid_of_items(items, "nir", glacier)
    masks = outlines.make_masks(
        outlines.read_outline(twin_folder / "outline.geojson", glacier, grid), grid
    )
    table = scenes.judge_scenes(
        items, source, glacier, grid, masks.glacier.values, masks.stable.values
    )
    return {"items": items, "source": source, "grid": grid, "masks": masks, "table": table}


#: Matchers of the smoke run: those of the profile, one of gdiv that no profile has, and one of
#: another package.
MATCHERS = "horn-schunck,raft,correlation,dis,farneback,phase-correlation"


@pytest.fixture(scope="session")
def smoke(tmp_path_factory):
    """The smoke profile, run once by the command."""
    folder = tmp_path_factory.mktemp("study")
    command = ["run", "mer-de-glace", "--profile", "smoke", "--workspace", str(folder)]
    assert main([*command, "--matchers", MATCHERS]) == 0
    return folder


@pytest.fixture(scope="session")
def real():
    """Folder of real scenes; a test that needs it is skipped where it is absent."""
    if not (SHARED / "real").is_dir():
        pytest.skip("no real scenes beside this checkout (../shared/real)")
    return SHARED / "real"


@pytest.fixture(scope="session")
def stac_items():
    """Real items of Earth Search and Planetary Computer; a test that needs them is skipped where they are absent."""
    if not (SHARED / "stac-items").is_dir():
        pytest.skip("no real items beside this checkout (../shared/stac-items)")
    return sorted((SHARED / "stac-items").glob("*.json"))
