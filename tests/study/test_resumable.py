"""Atomic, resumable storage of datasets."""

import numpy as np
import pytest
import xarray as xr
from counted_pairs import make_counted_pairs
from local_archive import load_lazily
from stac_server import StacServer

from gdiv.files import write_json
from gdiv.imagery import scenes
from gdiv.study.resumable import ATTEMPT, write_dataset

pytestmark = pytest.mark.usefixtures("short_waits")


def test_an_interrupted_save_resumes(tmp_path, monkeypatch):
    """Stored pairs are not computed again, and the store appears when it is complete."""
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    path = tmp_path / "labels.zarr"
    calls = []
    with pytest.raises(KeyboardInterrupt):
        write_dataset(make_counted_pairs(calls, 6, killed_from=2), path, 32632)
    assert not path.exists() and set(calls) == {0, 1}
    calls.clear()
    write_dataset(make_counted_pairs(calls, 6), path, 32632)
    assert set(calls) == {2, 3, 4, 5}
    assert (xr.open_zarr(path, consolidated=False).u == 1).all()


def write_with_scale(scale, path, calls, **kwargs):
    """Store counted pairs that have a coordinate with a value at every pixel."""
    values = xr.DataArray(np.full((4, 4), scale), dims=("y", "x"))
    pairs = make_counted_pairs(calls, 4, **kwargs).assign_coords(map_scale=values)
    write_dataset(pairs, path, 32632)


@pytest.mark.parametrize(("scale", "computed"), [(1.0, {2, 3}), (1.1, {0, 1, 2, 3})])
def test_the_journal_tells_large_coordinates_apart_and_stays_small(
    tmp_path, monkeypatch, scale, computed
):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    path, calls = tmp_path / "labels.zarr", []
    with pytest.raises(KeyboardInterrupt):
        write_with_scale(1.0, path, [], killed_from=2)
    (journal,) = tmp_path.glob("*.journal.json")
    assert journal.stat().st_size < 200
    write_with_scale(scale, path, calls)
    assert set(calls) == computed


@pytest.fixture
def counted():
    """Lazy dataset of three pairs, and the list of computed pairs."""
    calls = []
    return make_counted_pairs(calls, 3), calls


def test_finished_stores_of_an_interrupted_notebook_are_kept(
    counted, tmp_path, monkeypatch, capsys
):
    """They are kept only by the same attempt, since another may have different inputs."""
    dataset, calls = counted
    path = tmp_path / "labels.zarr"
    monkeypatch.setenv(ATTEMPT, "one")
    write_dataset(dataset, path, 32632)
    written = xr.open_zarr(path, consolidated=False).attrs["written"]
    write_dataset(dataset, path, 32632)
    assert sorted(calls) == [0, 1, 2] and "kept" in capsys.readouterr().out
    assert xr.open_zarr(path, consolidated=False).attrs["written"] == written
    monkeypatch.setenv(ATTEMPT, "two")
    write_dataset(dataset, path, 32632)
    assert sorted(calls) == [0, 0, 1, 1, 2, 2]


def test_a_damaged_store_is_not_kept(counted, tmp_path, monkeypatch):
    dataset, calls = counted
    path = tmp_path / "labels.zarr"
    monkeypatch.setenv(ATTEMPT, "one")
    write_dataset(dataset, path, 32632)
    next(file for file in (path / "u" / "c").rglob("*") if file.is_file()).unlink()
    write_dataset(dataset, path, 32632)
    assert len(calls) == 6
    (tmp_path / "labels.journal.json").write_text('{"recipe": ')
    write_dataset(dataset, path, 32632)
    assert len(calls) == 9


def test_without_an_attempt_nothing_is_kept(counted, tmp_path, monkeypatch):
    """A notebook that is run by hand recomputes its results."""
    dataset, calls = counted
    monkeypatch.delenv(ATTEMPT, raising=False)
    for _ in range(2):
        write_dataset(dataset, tmp_path / "labels.zarr", 32632)
    assert len(calls) == 6 and not (tmp_path / "labels.journal.json").exists()


def test_a_scene_lost_while_storing_is_omitted_and_reported(glacier, twin_folder, twin, tmp_path):
    with StacServer(twin_folder) as server:
        data, table = load_lazily(server, glacier, twin, twin_folder)
        lost = str(data.scene.values[1])
        server.broken = {f"{lost}/nir.tif": 500}
        messages = write_dataset(data, tmp_path / "cube.zarr", glacier.epsg)
    assert (
        len(messages) == 1
        and lost in messages[0]
        and "could not be read" in messages[0]
        and "127.0.0.1" not in messages[0]
    )
    stored = xr.open_zarr(tmp_path / "cube.zarr", consolidated=False)
    assert lost not in stored.scene.values and stored.sizes["scene"] == data.sizes["scene"] - 1
    assert np.isfinite(stored.reflectance).any(("y", "x")).all(), "no scene is silently NaN"
    after = scenes.mark_unreadable(table, stored.scene.values).set_index("id")
    assert after.verdict[lost] == "drop" and (after.verdict == "use").sum() == stored.sizes["scene"]


def test_an_interrupted_load_reads_no_scene_twice(glacier, twin_folder, twin, tmp_path):
    def stop_before_the_last(path, content):
        write_json(path, content)
        if len(content["done"]) == data.sizes["scene"] - 1:
            raise KeyboardInterrupt

    with StacServer(twin_folder) as server:
        data, _ = load_lazily(server, glacier, twin, twin_folder)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("os.cpu_count", lambda: 1)
            patched.setattr("gdiv.study.resumable.write_json", stop_before_the_last)
            with pytest.raises(KeyboardInterrupt):
                write_dataset(data, tmp_path / "cube.zarr", glacier.epsg)
        assert not (tmp_path / "cube.zarr").exists()
        mark = len(server.requested)
        write_dataset(data, tmp_path / "cube.zarr", glacier.epsg)
        requested = {name.split("/")[0] for name in server.requested[mark:]}
    assert requested == {data.scene.values[-1]}
    stored = xr.open_zarr(tmp_path / "cube.zarr", consolidated=False)
    assert np.isfinite(stored.reflectance).any(("y", "x")).all()
