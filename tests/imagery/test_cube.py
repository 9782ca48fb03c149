"""Load cubes: reflectance, masks, signatures."""

import json

import numpy as np
import pytest
from local_archive import judge_from
from planetary_computer.settings import Settings
from stac_server import StacServer

from gdiv.files import write_json
from gdiv.imagery import cube
from gdiv.study.resumable import write_dataset

pytestmark = pytest.mark.usefixtures("short_waits")


def test_reflectance_does_not_depend_on_the_offset_of_a_scene(twin):
    """Some scenes of 2022 have the offset removed, and some still contain it."""
    used = twin["table"].query("verdict == 'use' and season_year == 2022")
    assert set(used.offset) == {0.0, -0.1}
    data = cube.load_cube(twin["items"], twin["table"], twin["source"], twin["grid"]).load()
    stable = twin["masks"].stable
    dark = data.reflectance.where(stable & ~data.snow).quantile(0.05, ("y", "x"))
    flavour = used.set_index("id").offset.reindex(data.scene.values.tolist()).to_numpy()
    removed, left_in = (float(dark.values[flavour == offset][-2:].mean()) for offset in (0.0, -0.1))
    assert abs(removed - left_in) < 0.05  # light and haze differ; the offset itself is 0.1


def test_cloud_is_no_data_and_loading_is_lazy(twin):
    lazy = cube.load_cube(twin["items"], twin["table"], twin["source"], twin["grid"])
    assert lazy.reflectance.chunks is not None
    table = twin["table"].query("verdict == 'use'").reset_index()
    cloudiest = int(table.clear.argmin())
    cloud_fraction = float(lazy.reflectance[cloudiest].isnull().mean())
    assert (cloud_fraction > 0) == (table.clear[cloudiest] < 1)
    assert lazy.reflectance.dtype == np.float32 and lazy.snow.dtype == bool


def test_signatures_are_renewed_and_never_stored(
    glacier, twin, archive_folder, tmp_path, monkeypatch
):
    """Signatures expire before the load and between its scenes."""
    with StacServer(archive_folder("planetary-computer"), signed=True, lifetime=30) as server:
        monkeypatch.setenv("GDAL_HTTP_PROXY", server.url)
        monkeypatch.setattr(Settings.get(), "sas_url", f"{server.url}/token")
        source, archive_items, table = judge_from(
            server, glacier, twin, "planetary-computer", years=(2020, 2021)
        )
        data = cube.load_cube(archive_items, table, source, twin["grid"])
        server.expire()
        monkeypatch.setattr(
            "gdiv.study.resumable.write_json",
            lambda *content: (write_json(*content), server.expire()),
        )
        before = server.tokens
        assert write_dataset(data, tmp_path / "cube.zarr", glacier.epsg) == []
        assert server.tokens - before >= data.sizes["scene"] and server.refused == 0
    table.to_csv(tmp_path / "scenes.csv")
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert written and not any(b"secret-" in path.read_bytes() for path in written)
    assert "secret-" not in repr(data) and "secret-" not in json.dumps(archive_items)
