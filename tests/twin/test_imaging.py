"""Images of the twin: surface change between the dates."""

import numpy as np
import pytest
from scipy import ndimage
from twin_scenes import choose_clear_pair, read_asset, read_twin_items

from gdiv.images.contrast import local_contrast
from gdiv.twin.truth import read_truth, true_displacement


@pytest.fixture(scope="module")
def items(twin_folder):
    return read_twin_items(twin_folder)


@pytest.fixture(scope="module")
def truth(twin_folder):
    return read_truth(twin_folder)


def test_texture_decorrelates_within_a_year(twin_folder, items, truth, twin):
    first, second = choose_clear_pair(twin, 2021)
    u, v = true_displacement(truth, first, second)
    rows, columns = np.mgrid[: u.shape[0], : u.shape[1]]
    moved = ndimage.map_coordinates(
        read_asset(twin_folder, items[second]), [rows + v, columns + u], order=3, mode="nearest"
    )
    ice = (
        (np.hypot(truth.vx, truth.vy).values > 15)
        & (columns > 20)
        & (rows > 20)
        & (rows < u.shape[0] - 20)
        & (columns < u.shape[1] - 20)
    )
    a, b = (local_contrast(image)[ice] for image in (read_asset(twin_folder, items[first]), moved))
    assert 0.5 < np.corrcoef(a, b)[0, 1] < 0.85
