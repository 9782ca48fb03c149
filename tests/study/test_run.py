"""Runs of the study, end to end."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from flavours import write_flavour
from places import MATCHERS
from stac_server import StacServer

import gdiv
from gdiv.command import main
from gdiv.flow.matchers.registry import matcher_label
from gdiv.study.integrity import read_state
from gdiv.study.opening import open_study
from gdiv.study.parameters import notebooks


def test_a_damaged_record_of_a_run_is_ignored(tmp_path):
    (tmp_path / "run.json").write_text('{"01": {"fing', encoding="utf-8")
    assert read_state(tmp_path) == {}


@pytest.mark.parametrize("flavour", ["earth-search", "planetary-computer"])
@pytest.mark.timeout(3600)
def test_scenes_and_pairs_of_a_service_equal_those_of_a_file(flavour, smoke, tmp_path, monkeypatch):
    """Notebooks 01 and 02 read a STAC API and store no signature."""
    scenes = write_flavour(smoke / "twin", tmp_path / "scenes", flavour)
    study = tmp_path / "study"
    study.mkdir()
    shutil.copy(smoke / "twin" / "outline.geojson", study)
    with StacServer(scenes, signed=flavour == "planetary-computer") as server:
        monkeypatch.setenv("GDAL_HTTP_PROXY", server.url)
        monkeypatch.setenv("PC_SDK_SAS_URL", f"{server.url}/token")
        source = ["--source", f"{flavour}@{server.url}", "--workspace", str(study)]
        for number in ("01", "02"):
            assert (
                main(["run", "mer-de-glace", "--profile", "smoke", "--only", number, *source]) == 0
            )
        assert server.refused == 0
    ours, theirs = (
        open_study("mer-de-glace", "smoke", workspace=str(folder)) for folder in (smoke, study)
    )
    reasons, expected = (
        study.open("scenes")
        .reason.str.replace("B08", "nir")
        .str.replace(r"(?<=duplicate of )\S+", "one,", regex=True)
        for study in (theirs, ours)
    )
    assert reasons.tolist() == expected.tolist()
    assert theirs.open("pairs").shift_x.to_numpy() == pytest.approx(
        ours.open("pairs").shift_x.to_numpy(), abs=1e-4
    )
    theirs, ours = (study.open("cube").reflectance.values for study in (theirs, ours))
    assert np.allclose(theirs, ours, rtol=0, atol=1e-6, equal_nan=True)
    assert not [
        path for path in study.rglob("*") if path.is_file() and b"secret-" in path.read_bytes()
    ]


@pytest.mark.timeout(3600)
def test_the_study_runs_end_to_end(smoke):
    claims = json.loads((smoke / "claims.json").read_text())
    for key in (
        "scenes.used",
        "pairs.train",
        "labels.stable_ground",
        "training.space.labels",
        "mosaic.horn-schunck.rmse",
        "product.pairs",
    ):
        assert key in claims
    assert claims["mosaic.horn-schunck.rmse"]["value"] < 0.4 * claims["mosaic.zero.rmse"]["value"]
    assert claims["mosaic.zero.along"]["value"] < -85
    assert abs(claims["mosaic.horn-schunck.along"]["value"]) < 10
    assert claims["labels.stable_ground"]["value"] < 0.5
    for name in (
        "site",
        "timeline",
        "sobel",
        "label",
        "drawn",
        "learning",
        "tiles",
        "matchers",
        "figure-3",
        "mosaic",
        "differences",
        "stakes",
        "speed",
        "pairs",
        "reliability",
        "profile",
        "series",
    ):
        for suffix in ("png", "svg"):
            assert (smoke / "figures" / f"{name}.{suffix}").stat().st_size > 5000
    for name in (
        "velocity.zarr",
        "pairs.zarr",
        "v.tif",
        "vx.tif",
        "vy.tif",
        "v_error.tif",
        "item.json",
        "stakes-and-profile.gpkg",
        "map.html",
    ):
        assert (smoke / "products" / name).exists()


@pytest.mark.parametrize("name", ["farneback", "phase-correlation"])
def test_additional_matchers_run_in_the_whole_study(smoke, name):
    """One matcher of gdiv that is in no profile, and one of a package independent of gdiv."""
    claims = json.loads((smoke / "claims.json").read_text(encoding="utf-8"))
    assert claims[f"pairs.{name}.error"]["value"] < claims["pairs.zero.error"]["value"]
    assert f"mosaic.{name}.rmse" in claims
    for result in (f"displacement-{name}.zarr", f"mosaic-{name}.zarr"):
        assert (smoke / "data" / result).is_dir()
    page = (smoke / "products" / "map.html").read_text(encoding="utf-8")
    assert json.dumps(matcher_label(name))[1:-1] in page


def test_published_claims_agree_with_the_run(smoke):
    made = json.loads((smoke / "claims.json").read_text(encoding="utf-8"))
    published = gdiv.load_published("glaciers")["mer-de-glace"]
    assert len(published) > 20
    for key, claim in published.items():
        assert made[key]["value"] == pytest.approx(claim["value"], rel=0.05, abs=0.05), key


def test_figures_are_shown_in_the_notebook_that_saves_them(smoke):
    state = json.loads((smoke / "run.json").read_text(encoding="utf-8"))
    for path in sorted((smoke / "notebooks").glob("*.ipynb")):
        outputs = [
            o
            for c in json.loads(path.read_text(encoding="utf-8"))["cells"]
            for o in c.get("outputs", [])
        ]
        shown = sum("image/png" in output.get("data", {}) for output in outputs)
        record = state[path.name[:2]]
        figures = [n for n in (*record["outputs"], *record["reads"]) if n.endswith(".png")]
        assert shown == len(figures), f"{path.name} shows {shown} of {len(figures)} figures"


def test_a_second_run_only_recreates_lost_results(smoke, capsys):
    command = ["run", "mer-de-glace", "--profile", "smoke", "--workspace", str(smoke)]
    command += ["--matchers", MATCHERS]
    assert main(command) == 0
    assert capsys.readouterr().out.count("up to date (took") == len(notebooks())
    shutil.rmtree(smoke / "products")
    assert main(command) == 0
    assert capsys.readouterr().out.count("up to date (took") == len(notebooks()) - 1
    assert (smoke / "products" / "velocity.zarr").exists()


@pytest.mark.timeout(3600)
def test_equal_seeds_give_equal_claims(smoke, tmp_path):
    """Only the twin, the training and notebook 08 draw random numbers."""
    repeated = tmp_path / "repeated"
    shutil.copytree(smoke, repeated)
    shutil.rmtree(repeated / "twin")
    for number in ("01", "04", "08"):
        command = ["run", "mer-de-glace", "--profile", "smoke", "--only", number]
        assert main([*command, "--workspace", str(repeated)]) == 0
    assert (repeated / "claims.json").read_text() == (smoke / "claims.json").read_text()


@pytest.mark.run
def test_a_file_of_scenes_is_a_source(twin_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    source = str(twin_folder / "items.json")
    assert (
        main(["run", "mer-de-glace", "--source", source, "--workspace", "w", "--only", "01"]) == 0
    )
    assert "scenes.used" in capsys.readouterr().out
    table = pd.read_csv(tmp_path / "w" / "data" / "scenes.csv")
    assert (table.verdict == "use").sum() == 10
    assert str(twin_folder) not in (tmp_path / "w" / "data" / "items.json").read_text(
        encoding="utf-8"
    )


def test_a_failing_notebook_is_reported_with_its_cell(smoke, tmp_path, capsys):
    workspace = tmp_path / "broken"
    shutil.copytree(smoke, workspace)
    shutil.rmtree(workspace / "data" / "cube.zarr")
    command = ["run", "mer-de-glace", "--profile", "smoke", "--only", "03"]
    assert main([*command, "--workspace", str(workspace)]) == 1
    message = capsys.readouterr().err
    assert (
        "03_horn_schunck_labels.ipynb, cell" in message
        and "no 'cube' yet; run notebook 02 first" in message
    )
