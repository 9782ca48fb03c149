"""Products: layout and provenance."""

import numpy as np
import odc.geo.xr  # noqa: F401  (registers .odc)
import pandas as pd
import pytest
import xarray as xr
from velocity_fields import make_annual_pairs, make_pair_cube

from gdiv.study.store import read_result, write_result
from gdiv.velocity import export, products


@pytest.fixture(scope="module")
def matched():
    return make_annual_pairs()


@pytest.fixture(scope="module")
def pair_cube(matched):
    return make_pair_cube(matched)


def test_the_pair_cube_has_the_layout_of_its_live_and_ticoi(pair_cube, tmp_path):
    """The pair cube meets the documented requirements of TICOI's generic loader.

    The loader requires vx, vy, date1 and date2, accepts errorx and errory, and uses the first
    coordinate other than x and y as time. TICOI itself cannot be installed together with gdiv,
    because its s3fs requires an older python-dateutil.
    """
    stored = xr.open_zarr(export.write_zarr(pair_cube, tmp_path / "pairs.zarr"), consolidated=False)
    assert stored.vx.dims == ("mid_date", "y", "x")
    assert next(name for name in stored.coords if name not in "xy") == "mid_date"
    assert (np.diff(stored.mid_date) > np.timedelta64(0)).all()
    for one, two in (
        ("date1", "acquisition_date_img1"),
        ("date2", "acquisition_date_img2"),
        ("errorx", "vx_error"),
    ):
        assert np.array_equal(stored[one], stored[two]) and stored[one].dims == ("mid_date",)
    assert stored.date1.dtype.kind == "M" and stored.date_dt.values == pytest.approx(365)
    assert stored.id_img1.values.tolist() == ["r3", "r1", "r0", "r2"], (
        "ids must be in order of date"
    )
    assert stored.get_index("mid_date").is_unique, "even if two pairs have equal dates"
    # Noise of 0.2 px is 2 m/yr, and the error of the mosaic of four pairs is added.
    assert stored.errorx.values == pytest.approx(2.2, rel=0.25)
    assert float(stored.vx.mean()) == pytest.approx(20, abs=0.2) and float(
        stored.vy.mean()
    ) == pytest.approx(10, abs=0.2)
    assert stored.mapping.attrs["grid_mapping_name"] == "transverse_mercator"
    decoded = xr.open_zarr(tmp_path / "pairs.zarr", consolidated=False, decode_coords="all")
    assert decoded.rio.crs.to_epsg() == 32632 and decoded.odc.geobox.crs.epsg == 32632
    assert decoded.odc.geobox.affine.c == 340000, "pixel centres, not corners"


def test_scene_provenance_lists_scenes_baselines_and_orbits(matched, tmp_path):
    scenes = pd.DataFrame(
        {
            "id": ["s0", "r0", "other"],
            "date": pd.to_datetime(["2021-08-10", "2020-08-10", "2020-08-12"]),
            "baseline": ["05.10", None, "05.00"],
            "orbit": [108, np.nan, 65],
        }
    )
    write_result(scenes, tmp_path / "scenes.csv", "table", 32632, {})
    scenes = read_result(tmp_path / "scenes.csv", "table")
    provenance = products.scene_provenance(
        scenes, pd.DataFrame({"reference": ["r0"], "secondary": ["s0"]}), matched
    )
    assert provenance["scenes"] == "r0 s0" and provenance["processing_baselines"] == "unknown 05.10"
    assert (
        provenance["relative_orbits"] == "unknown 108"
        and provenance["matcher"] == "dis"
        and provenance["matcher_options"] == "{}"
    )
