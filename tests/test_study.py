"""The command, and the study end to end."""

import json
import re
import shutil

import pandas as pd
import pytest
import rasterio
import xarray as xr
from flavours import write_flavour
from places import ROOT
from stac_server import StacServer
from synthetic import files, says_synthetic

import gdiv
from gdiv.command import main
from gdiv.study import claims, scrubbing
from gdiv.study import run as runner
from gdiv.study.opening import open_study
from gdiv.study.results import find_result
from gdiv.study.resumable import write_dataset
from gdiv.study.workspace import StudyError, split_source


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "mont-blanc"], ["'mont-blanc'", "mer-de-glace", "jakobshavn"]),
        (["run", "mer-de-glace", "--profile", "quick"], ["'quick'", "smoke, demo, full"]),
        (
            ["run", "mer-de-glace", "--source", "landsat"],
            ["'landsat'", "earth-search", "planetary-computer"],
        ),
        (
            ["run", "mer-de-glace", "--source", "missing.json"],
            ["missing.json", "does not exist", "ItemCollection"],
        ),
        (["run", "mer-de-glace", "--only", "42"], ["'42'", "00, 01, 02"]),
        (["run", "mer-de-glace", "-p", "colour=red"], ["colour", "pair", "matcher"]),
        (["run", "mer-de-glace", "-p", "packed"], ["-p packed", "NAME=VALUE"]),
        (["run", "mer-de-glace", "-p", "packed=perhaps"], ["packed=perhaps", "true or false"]),
        (["run", "mer-de-glace", "--only", "00", "-p", "packed=true"], ["notebook 00", "'packed'"]),
        (["run", "mer-de-glace", "--source", "https://"], ["https://", "names no host"]),
        (
            ["clean", "mer-de-glace", "--workspace", "nowhere"],
            ["nowhere", "not the folder of a run"],
        ),
    ],
)
def test_what_is_unknown_is_told_with_what_exists(arguments, told, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([*arguments, *(["--workspace", "w"] if arguments[0] == "run" else [])]) == 1
    message = capsys.readouterr().err
    assert message.startswith("gdiv: ") and message.count("\n") == 1
    for word in told:
        assert word in message


def test_lists_name_every_entry(capsys):
    assert main(["glaciers"]) == 0 and main(["sources"]) == 0
    out = capsys.readouterr().out
    for name in (*gdiv.load_catalog().glaciers, *gdiv.load_catalog().sources):
        assert name in out


def test_help_teaches(capsys):
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    out = capsys.readouterr().out
    assert "examples:" in out and "--profile smoke" in out and "ItemCollection" in out


def test_a_missing_result_names_its_notebook(tmp_path):
    study = open_study("mer-de-glace", "smoke", workspace=str(tmp_path))
    with pytest.raises(
        StudyError, match="run notebook 03 first: gdiv run mer-de-glace --profile smoke --only 03"
    ):
        study.open("labels")


def test_results_come_back_as_they_went(tmp_path):
    study = open_study("mer-de-glace", "smoke", workspace=str(tmp_path))
    content = find_result("pairs").content
    date = pd.to_datetime(["2020-08-18 10:25:59"])
    table = pd.DataFrame(dict.fromkeys(content, [1.5])).assign(
        reference="a", secondary="b", reference_date=date
    )
    study.save("pairs", table)
    pd.testing.assert_frame_equal(
        study.open("pairs"), table.astype({"reference_date": "datetime64[ns]"})
    )
    study.record("mosaic.speed", 1.23456789)
    study.record("mosaic.raft.rmse", float("nan"), row="raft")
    meaning = "median speed on the glacier, RAFT mosaic"
    assert claims.read_claims(study.folder) == {
        "mosaic.speed": {"value": 1.235, "unit": "m/yr", "meaning": meaning}
    }


def test_what_is_not_declared_or_not_as_declared_is_refused(tmp_path):
    study = open_study("mer-de-glace", "smoke", workspace=str(tmp_path))
    with pytest.raises(StudyError, match="no result 'pair'; did you mean 'pairs'"):
        study.save("pair", pd.DataFrame())
    with pytest.raises(StudyError, match="the result 'tiles' lacks pair, row, column, turns, set"):
        study.save("tiles", pd.DataFrame({"x": [1]}))
    with pytest.raises(StudyError, match="the result 'masks' is a Dataset, not a DataFrame"):
        study.save("masks", pd.DataFrame())
    with pytest.raises(StudyError, match=r"no claim 'speed.of.light' is declared"):
        study.record("speed.of.light", 3e8)


def test_rows_of_a_table_become_claims(tmp_path):
    study = open_study("mer-de-glace", "smoke", workspace=str(tmp_path))
    study.record_rows("mosaic", pd.DataFrame({"rmse": [1.0], "along": [-0.02]}, ["raft, mean"]))
    made = claims.read_claims(study.folder)
    assert made["mosaic.raft-mean.rmse"]["value"] == 1
    assert made["mosaic.raft-mean.along"] == {
        "value": -2.0,
        "unit": "%",
        "meaning": "raft, mean: motion added (negative: lost) along the flow",
    }


def test_names_that_are_numbers_stay_names(tmp_path):
    study = open_study("mer-de-glace", "smoke", workspace=str(tmp_path))
    scenes = pd.DataFrame(dict.fromkeys(find_result("scenes").content, [1.0]))
    date = pd.to_datetime(["2020-07-31"])
    study.save("scenes", scenes.assign(id="20200731", date=date))
    stakes = pd.DataFrame(dict.fromkeys(find_result("stakes").content, [1.0, 2.0]))
    study.save("stakes", stakes.assign(name=["1", "2"]))
    assert study.open("scenes").id.tolist() == ["20200731"] and study.open(
        "stakes"
    ).name.tolist() == ["1", "2"]


@pytest.mark.parametrize(
    ("name", "key", "place"),
    [
        ("earth-search-c1@a/items.json", "earth-search-c1", "a/items.json"),
        ("data/me@host/items.json", "", "data/me@host/items.json"),
        (
            "planetary-computer@https://user:word@x.org",
            "planetary-computer",
            "https://user:word@x.org",
        ),
    ],
)
def test_only_a_source_stands_before_the_at(name, key, place):
    assert split_source(name) == (key, place)


def test_an_interrupted_save_goes_on_and_keeps_what_was_there(tmp_path):
    """Pairs that were stored before a kill are not computed again, and the old result stands until the new one is whole."""
    import dask.array as da
    import numpy as np

    path = tmp_path / "labels.zarr"
    calls = []

    def work(block, kill=False, block_info=None):
        if block_info:
            number = block_info[0]["array-location"][0][0]
            if kill and number >= 2:
                raise KeyboardInterrupt
            calls.append(number)
        return block + 1

    def dataset(kill):
        values = da.zeros((6, 4, 4), chunks=(1, 4, 4)).map_blocks(
            work, kill=kill, dtype=float, meta=np.empty((0, 0, 0))
        )
        return xr.Dataset(
            {"u": (("pair", "y", "x"), values)},
            coords={"pair": range(6), "y": range(4), "x": range(4)},
        )

    with pytest.raises(KeyboardInterrupt):
        write_dataset(dataset(kill=True), path, 32632)
    assert not path.exists() and set(calls) == {0, 1}
    calls.clear()
    write_dataset(dataset(kill=False), path, 32632)
    assert set(calls) == {2, 3, 4, 5}
    assert (xr.open_zarr(path, consolidated=False).u == 1).all()


@pytest.mark.parametrize("flavour", ["earth-search", "planetary-computer"])
@pytest.mark.timeout(1200)
def test_scenes_and_pairs_come_from_a_service_as_from_the_file(
    flavour, smoke, tmp_path, monkeypatch
):
    """Notebooks 01 and 02 against a STAC API; nothing of its signatures is left anywhere."""
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
    told, known = (
        study.open("scenes")
        .reason.str.replace("B08", "nir")
        .str.replace(r"(?<=duplicate of )\S+", "one,", regex=True)
        for study in (theirs, ours)
    )
    assert told.tolist() == known.tolist()
    assert theirs.open("pairs").shift_x.to_numpy() == pytest.approx(
        ours.open("pairs").shift_x.to_numpy(), abs=1e-4
    )
    theirs, ours = theirs.open("cube").reflectance, ours.open("cube").reflectance
    assert float(abs(theirs - ours).max()) < 1e-6 and bool((theirs.isnull() == ours.isnull()).all())
    assert not [
        path for path in study.rglob("*") if path.is_file() and b"secret-" in path.read_bytes()
    ]


@pytest.mark.timeout(1800)
def test_the_study_runs_on_landsat(smoke, tmp_path, capsys):
    """30 m instead of 10, other names, scale and mask: the same stakes, within a sixth of a pixel per year.

    To the study these are real scenes: nothing says synthetic. When the stakes change, the notebooks
    that read them run again, and those that do not stay.
    """
    scenes = write_flavour(smoke / "twin", tmp_path / "scenes", "landsat")
    for name in ("outline.geojson", "stakes.geojson"):
        shutil.copy(smoke / "twin" / name, scenes)
    source = f"earth-search-landsat@{scenes / 'items.json'}"
    run = [
        "run",
        "mer-de-glace",
        "--profile",
        "smoke",
        "--source",
        source,
        "--workspace",
        str(tmp_path / "study"),
    ]
    assert main(run) == 0
    study = open_study("mer-de-glace", "smoke", source, str(tmp_path / "study"))
    assert study.grid.resolution.x == 30
    at = study.open("stakes").query("matcher == 'horn-schunck'")
    assert len(at) == 3 and (abs(at.difference) < 5).all()
    comparing = ("notebooks/00", "notebooks/09")  # which show published results of the twins
    told = [path for path in files(study.folder) if says_synthetic(path)]
    names = [path.relative_to(study.folder).as_posix() for path in told]
    assert not [name for name in names if not name.startswith((*comparing, "figures/glaciers"))]
    stakes = scenes / "stakes.geojson"
    stakes.write_text(
        stakes.read_text(encoding="utf-8").replace("Tacul", "Moved"), encoding="utf-8"
    )
    capsys.readouterr()
    assert main(run) == 0
    lines = capsys.readouterr().out.splitlines()
    unchanged = [line[:2] for line in lines if "unchanged since it succeeded" in line]
    assert unchanged == ["00", "02", "03", "04", "05", "08", "09"]


def test_every_file_of_a_synthetic_run_says_so(smoke):
    silent = [
        path.relative_to(smoke).as_posix() for path in files(smoke) if not says_synthetic(path)
    ]
    assert not silent


def test_a_synthetic_product_says_so_where_readers_look(smoke):
    item = json.loads((smoke / "products" / "item.json").read_text(encoding="utf-8"))
    told = item["properties"]
    assert "synthetic Mer de Glace" in told["title"] and "not satellite" in told["description"]
    assert told["gdiv:synthetic"] is True
    with rasterio.open(smoke / "products" / "v.tif") as file:
        assert (
            file.tags()["SYNTHETIC"] == "true"
            and "synthetic" in file.tags()["TIFFTAG_DOCUMENTNAME"]
        )
    product = xr.open_zarr(smoke / "products" / "velocity.zarr", consolidated=False)
    assert product.attrs["synthetic"] == "true" and "synthetic" in product.attrs["title"]
    assert not re.search(r"S2[AB]_|MSIL2A|sentinel-2", json.dumps(item) + str(product.attrs))
    scenes = json.loads((smoke / "twin" / "items.json").read_text(encoding="utf-8"))["features"]
    for scene in scenes:
        assert scene["properties"]["gdiv:synthetic"] is True and scene["id"].startswith(
            "synthetic-"
        )
    assert "<title>gdiv: synthetic Mer de Glace</title>" in (
        smoke / "products" / "map.html"
    ).read_text(encoding="utf-8")


@pytest.mark.timeout(1200)
def test_the_study_runs_end_to_end(smoke):
    claims = json.loads((smoke / "claims.json").read_text())
    for key in (
        "scenes.used",
        "pairs.train",
        "labels.still_ground",
        "training.space.labels",
        "mosaic.horn-schunck.rmse",
        "product.pairs",
    ):
        assert key in claims
    assert claims["mosaic.horn-schunck.rmse"]["value"] < 0.4 * claims["mosaic.zero.rmse"]["value"]
    assert claims["mosaic.zero.along"]["value"] < -85
    assert abs(claims["mosaic.horn-schunck.along"]["value"]) < 10
    assert claims["labels.still_ground"]["value"] < 0.3
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


def test_what_is_published_of_this_run_is_what_it_gives(smoke):
    made = json.loads((smoke / "claims.json").read_text(encoding="utf-8"))
    told = gdiv.load_published("glaciers")["mer-de-glace"]
    assert len(told) > 20
    for key, claim in told.items():
        assert made[key]["value"] == pytest.approx(claim["value"], rel=0.05, abs=0.05), key


def test_executed_notebooks_are_clean(smoke):
    for path in sorted((smoke / "notebooks").glob("*.ipynb")):
        text = path.read_text(encoding="utf-8")
        assert str(smoke) not in text and str(ROOT) not in text, f"{path.name} tells where it ran"
        outputs = [o for c in json.loads(text)["cells"] for o in c.get("outputs", [])]
        assert outputs and not any(o["output_type"] == "error" for o in outputs)


def test_every_figure_is_shown_in_the_notebook_that_saves_it(smoke):
    state = json.loads((smoke / "run.json").read_text(encoding="utf-8"))
    for path in sorted((smoke / "notebooks").glob("*.ipynb")):
        outputs = [
            o
            for c in json.loads(path.read_text(encoding="utf-8"))["cells"]
            for o in c.get("outputs", [])
        ]
        shown = sum("image/png" in output.get("data", {}) for output in outputs)
        saved = [name for name in state[path.name[:2]]["outputs"] if name.endswith(".png")]
        assert shown == len(saved), f"{path.name} shows {shown} of {len(saved)} figures"


def test_nothing_saved_tells_where_it_ran(smoke):
    for path in [
        *(smoke / "data").rglob("*.json"),
        *(smoke / "products").rglob("*.json"),
        *(smoke / "products").rglob(".z*"),
        smoke / "claims.json",
    ]:
        assert str(smoke.parent) not in path.read_text(encoding="utf-8"), path


def test_a_second_run_skips_and_a_lost_result_is_made_again(smoke, capsys):
    assert main(["run", "mer-de-glace", "--profile", "smoke", "--workspace", str(smoke)]) == 0
    assert capsys.readouterr().out.count("unchanged since it succeeded") == len(runner.notebooks())
    shutil.rmtree(smoke / "products")
    assert main(["run", "mer-de-glace", "--profile", "smoke", "--workspace", str(smoke)]) == 0
    assert (
        capsys.readouterr().out.count("unchanged since it succeeded") == len(runner.notebooks()) - 1
    )
    assert (smoke / "products" / "velocity.zarr").exists()


@pytest.mark.timeout(1200)
def test_equal_seeds_give_equal_claims(smoke, tmp_path):
    """All that draws: the twin, the training, and notebook 08's choice of pairs. The rest computes."""
    again = tmp_path / "again"
    shutil.copytree(smoke, again)
    shutil.rmtree(again / "twin")
    for number in ("01", "04", "08"):
        assert (
            main(
                [
                    "run",
                    "mer-de-glace",
                    "--profile",
                    "smoke",
                    "--workspace",
                    str(again),
                    "--only",
                    number,
                ]
            )
            == 0
        )
    assert (again / "claims.json").read_text() == (smoke / "claims.json").read_text()


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


def test_a_failing_notebook_is_named_with_its_cell(smoke, tmp_path, capsys):
    workspace = tmp_path / "broken"
    shutil.copytree(smoke, workspace)
    shutil.rmtree(workspace / "data" / "cube.zarr")
    assert (
        main(
            [
                "run",
                "mer-de-glace",
                "--profile",
                "smoke",
                "--workspace",
                str(workspace),
                "--only",
                "03",
            ]
        )
        == 1
    )
    message = capsys.readouterr().err
    assert (
        "03_horn_schunck_labels.ipynb, cell" in message
        and "no 'cube' yet; run notebook 02 first" in message
    )


def test_progress_is_kept_as_its_last_state():
    bar = [
        {"output_type": "stream", "name": "stdout", "text": [part]}
        for part in ("0/2\r", "1/2\r2/2\n", "saved\n")
    ]
    picture = {"output_type": "display_data", "data": {}}
    assert scrubbing._join_streams([*bar, picture]) == [
        {"output_type": "stream", "name": "stdout", "text": ["2/2\nsaved\n"]},
        picture,
    ]
