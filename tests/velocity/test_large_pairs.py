"""Pairs matched in blocks: same result as whole pairs, stored block by block."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import ndimage

from gdiv.images.textures import fractal_texture
from gdiv.study.resumable import write_dataset
from gdiv.velocity import displacement, large_pairs

SIZE = 600
PAIRS = pd.DataFrame(
    {
        "reference": ["a"],
        "secondary": ["b"],
        "reference_date": pd.to_datetime(["2020-08-01"]),
        "secondary_date": pd.to_datetime(["2021-08-01"]),
        "days": [365.0],
        "years": [1.0],
        "shift_x": [0.4],
        "shift_y": [-0.3],
    }
)


@pytest.fixture(scope="module")
def scene():
    """Cube of two images: ice moves up to 4 px between stable walls, and a common shift."""
    spline = ndimage.spline_filter(fractal_texture(1024, 1.4, 5), mode="grid-wrap")
    rows, columns = np.indices((SIZE, SIZE)).astype(float)
    u = 4 * np.exp(-(((rows - SIZE / 2) / 90) ** 2))

    def image(right, down):
        places = np.stack([rows - down, columns - right])
        return ndimage.map_coordinates(spline, places, order=3, mode="grid-wrap", prefilter=False)

    rng = np.random.default_rng(0)
    images = np.stack([image(0, 0), image(u + 0.4, -0.3)]) + rng.normal(0, 0.05, (2, SIZE, SIZE))
    images[0, :30, 200:260] = np.nan
    axes = ("scene", "y", "x")
    data = xr.Dataset(
        {
            "reflectance": (axes, images.astype(np.float32)),
            "snow": (axes, np.zeros(images.shape, bool)),
        },
        coords={
            "scene": np.array(["a", "b"], dtype=np.dtypes.StringDType()),
            "y": -10.0 * np.arange(SIZE),
            "x": 10.0 * np.arange(SIZE),
        },
        attrs={"spacing": 10.0},
    )
    return data.chunk(scene=1, y=256, x=256), u, np.abs(rows - SIZE / 2) > 200


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(large_pairs, "LARGE", SIZE * SIZE - 1)
    monkeypatch.setattr(large_pairs, "BLOCK", 256)


@pytest.mark.parametrize(
    ("matcher", "alike"), [("horn-schunck", 0.05), ("dis", 0.1), ("correlation", 1e-3)]
)
def test_blocks_give_the_displacement_of_the_whole_pair(matcher, alike, scene, small_blocks):
    """99 % of pixels agree; correlation is local, so its blocks agree exactly."""
    data, u, stable = scene
    blocks = displacement.match_pairs(data, PAIRS, stable, matcher)
    assert len(blocks.chunks["y"]) == 2
    blocks = blocks.compute()
    large_pairs.LARGE = SIZE * SIZE
    whole = displacement.match_pairs(data, PAIRS, stable, matcher).compute()
    assert set(blocks.data_vars) == set(whole.data_vars) and blocks.attrs == whole.attrs
    for name in ("u", "v", "sigma_u", "sigma_v"):
        difference = np.abs(blocks[name] - whole[name]).values
        assert np.nanpercentile(difference, 99) < alike, name
        assert np.isfinite(blocks[name]).mean() == pytest.approx(
            float(np.isfinite(whole[name]).mean()), abs=2e-3
        )
    for name in displacement.STATISTICS:
        assert float(blocks[name][0]) == pytest.approx(float(whole[name][0]), abs=0.02)
    trusted = blocks.quality[0].values > 0.5
    assert np.median(np.abs(blocks.u[0].values - u)[trusted]) < 0.1


def test_options_that_are_images_are_cropped_to_the_block(scene, small_blocks):
    data, _, stable = scene
    regions = displacement.match_pairs(data, PAIRS, stable, "horn-schunck", regions=~stable)
    assert np.isfinite(regions.u.compute()).any()


def test_blocks_are_stored_as_they_finish(scene, small_blocks, tmp_path):
    data, _, stable = scene
    lazy = displacement.match_pairs(data, PAIRS, stable, "zero")
    write_dataset(lazy, tmp_path / "pairs.zarr", 32632)
    stored = xr.open_zarr(tmp_path / "pairs.zarr", consolidated=False)
    assert np.array_equal(stored.u.values, lazy.u.values, equal_nan=True)
    assert stored.u.encoding["chunks"] == (1, 128, SIZE)


def test_a_scene_is_large_by_its_pixels():
    assert large_pairs.is_large(10980, 10980) and not large_pairs.is_large(2000, 3000)
