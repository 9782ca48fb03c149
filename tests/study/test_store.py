"""Write and read results of each kind."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from small_networks import make_network

from gdiv.flow.raft.checkpoints import load_weights
from gdiv.study.store import move_links, read_result, write_result

CARD = {"synthetic": "true", "source": "a test"}


def test_datasets_are_read_lazily_and_keep_the_mark(tmp_path):
    values = np.arange(24.0).reshape(2, 3, 4)
    dataset = xr.Dataset(
        {"u": (("pair", "y", "x"), values)},
        coords={"y": [20.0, 10.0, 0.0], "x": np.arange(4.0)},
    )
    write_result(dataset, tmp_path / "labels.zarr", "dataset", 32632, CARD)
    stored = read_result(tmp_path / "labels.zarr", "dataset")
    assert stored.u.chunks is not None
    assert np.array_equal(stored.u, values)
    assert stored.attrs["synthetic"] == "true"
    assert "source" not in stored.attrs


def test_tables_keep_dates_and_text(tmp_path):
    table = pd.DataFrame(
        {"id": ["001"], "date": pd.to_datetime(["2020-07-31"]), "baseline": ["05.10"], "snow": 0.5}
    ).astype({"date": "datetime64[ns]"})
    write_result(table, tmp_path / "scenes.csv", "table", 32632, CARD)
    assert "synthetic" in (tmp_path / "scenes.csv").read_text()
    pd.testing.assert_frame_equal(read_result(tmp_path / "scenes.csv", "table"), table)


def test_items_are_stored_as_an_item_collection(tmp_path):
    write_result([{"id": "a"}], tmp_path / "items.json", "items", 32632, {})
    assert "FeatureCollection" in (tmp_path / "items.json").read_text()
    assert read_result(tmp_path / "items.json", "items") == [{"id": "a"}]


def test_weights_keep_the_whole_provenance(tmp_path):
    network = make_network()
    write_result(network, tmp_path / "w.safetensors", "weights", 32632, CARD)
    stored = read_result(tmp_path / "w.safetensors", "weights")
    for parameter, same in zip(network.parameters(), stored.parameters(), strict=True):
        assert parameter.equal(same)
    assert load_weights(tmp_path / "w.safetensors")[1] == CARD


def test_links_are_relative_in_the_store_and_absolute_in_memory(tmp_path):
    files = {"nir": str(tmp_path / "scenes" / "nir.tif"), "scl": "https://a.org/scl.tif?sig=secret"}
    item = {"id": "a", "assets": {name: {"href": href} for name, href in files.items()}}
    item["assets"]["thumbnail"] = None
    folder = tmp_path / "run" / "data"
    (stored,) = move_links([item], folder, absolute=False)
    assert stored["assets"] == {
        "nir": {"href": "../../scenes/nir.tif"},
        "scl": {"href": "https://a.org/scl.tif"},
    }
    (opened,) = move_links([stored], folder, absolute=True)
    assert opened["assets"]["nir"]["href"] == files["nir"]
    assert item["assets"]["scl"]["href"].endswith("secret"), "the given items do not change"


def test_an_unknown_kind_raises_an_error(tmp_path):
    with pytest.raises(KeyError):
        read_result(tmp_path / "a.txt", "text")
