"""Damaged results are detected."""

import json
import shutil

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gdiv.command import main
from gdiv.study import claims
from gdiv.study.integrity import RECORD, describe_damage, measure_size, recorded_sizes
from gdiv.study.opening import open_study
from gdiv.study.resumable import write_dataset
from gdiv.study.workspace import StudyError


@pytest.fixture
def store(tmp_path):
    """A stored displacement of four pairs."""
    values = da.random.default_rng(0).normal(size=(4, 40, 40), chunks=(1, 40, 40))
    coords = {"pair": range(4), "y": np.arange(40.0), "x": np.arange(40.0)}
    data = xr.Dataset({"u": (("pair", "y", "x"), values)}, coords)
    write_dataset(data, tmp_path / "labels.zarr", 32632)
    return tmp_path / "labels.zarr"


def chunks(store):
    """Files of the chunks of a store."""
    return sorted(file for file in (store / "u" / "c").rglob("*") if file.is_file())


def test_a_lost_chunk_is_detected(store):
    recorded = measure_size(store)
    assert describe_damage(store, recorded) == ""
    chunks(store)[1].unlink()
    assert (
        describe_damage(store, recorded)
        == f"it has {recorded[0] - 1} files instead of {recorded[0]}"
    )
    shutil.rmtree(store)
    assert describe_damage(store, recorded) == "it is missing"


def test_flipped_bits_are_found_when_a_chunk_is_read(store):
    """Bits are flipped in every chunk, at several positions."""
    found = 0
    for chunk in chunks(store):
        content = chunk.read_bytes()
        for place in np.linspace(8, len(content) - 1, 10).astype(int):
            broken = bytearray(content)
            broken[place] ^= 1
            chunk.write_bytes(bytes(broken))
            with pytest.raises(Exception):  # noqa: B017  (of the codec, by the place)
                xr.open_zarr(store, consolidated=False).u.load()
            found += 1
        chunk.write_bytes(content)
    assert found == 40
    assert np.isfinite(xr.open_zarr(store, consolidated=False).u).all()


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "a,b\n1,3\n3,4\n"])
def test_a_truncated_or_changed_table_is_detected(text, tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("a,b\n1,2\n3,4\n")
    recorded = measure_size(path)
    path.write_text(text)
    assert describe_damage(path, recorded)


def test_a_damaged_result_is_named_with_the_notebook_that_makes_it(tmp_path):
    study = open_study("mer-de-glace", "smoke", workspace=str(tmp_path))
    study.save("blocks", pd.DataFrame({"side": [100.0], "blocks": [9], "ratio": [1.0]}))
    path = study.path("blocks")
    record = {"06": {"measures": {f"data/{path.name}": measure_size(path)}}}
    (tmp_path / RECORD).write_text(json.dumps(record))
    assert f"data/{path.name}" in recorded_sizes(tmp_path)
    assert len(study.open("blocks")) == 1
    path.write_text(path.read_text()[:10])
    with pytest.raises(StudyError, match=r"'blocks' is damaged: it has 10 bytes .* --only 06"):
        study.open("blocks")


def test_a_result_that_a_notebook_saves_by_hand_is_not_damaged(tmp_path):
    study = open_study("mer-de-glace", "smoke", workspace=str(tmp_path))
    table = pd.DataFrame({"side": [100.0], "blocks": [9], "ratio": [1.0]})
    study.save("blocks", table)
    path = study.path("blocks")
    record = {"06": {"measures": {f"data/{path.name}": measure_size(path)}}}
    (tmp_path / RECORD).write_text(json.dumps(record))
    study.save("blocks", pd.concat([table, table]))
    assert len(study.open("blocks")) == 2


def test_damaged_claims_are_named_with_the_cure(tmp_path):
    (tmp_path / "claims.json").write_text('{"mosaic.rmse": {"val')
    with pytest.raises(StudyError, match=r"claims.json is damaged .*; remove it and run.json"):
        claims.read_claims(tmp_path)


def test_a_run_is_checked_chunk_by_chunk(store, tmp_path, capsys):
    (tmp_path / RECORD).write_text(
        json.dumps({"03": {"measures": {store.name: measure_size(store)}}})
    )
    arguments = ["check", "mer-de-glace", "--workspace", str(tmp_path)]
    assert main(arguments) == 0
    assert "1 results in" in capsys.readouterr().out
    chunk = chunks(store)[2]
    broken = bytearray(chunk.read_bytes())
    broken[len(broken) // 2] ^= 1
    chunk.write_bytes(bytes(broken))
    assert main(arguments) == 1
    assert "labels.zarr: a chunk cannot be read" in capsys.readouterr().err
