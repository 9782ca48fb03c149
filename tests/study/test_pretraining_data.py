"""Training data of the shipped weights."""

import numpy as np
from scipy import ndimage

from gdiv.images.contrast import local_contrast
from gdiv.study import pretraining_data


def test_displacement_of_a_twin_aligns_its_images(monkeypatch, twin_folder):
    """The displacement includes the mis-registration."""
    monkeypatch.setattr(pretraining_data, "render_glacier", lambda folder, glacier: twin_folder)
    images, pairs, flows, ice = pretraining_data.twin_pairs(twin_folder, "mer-de-glace")
    assert len(pairs) == len(flows) >= 3 and 0 < ice.mean() < 1
    # Clouds and illumination do not move with the ice.
    contrasts = [local_contrast(image) for image in images]
    gains = []
    for (i, j), flow in zip(pairs, flows, strict=True):
        valid = ice & np.isfinite(flow[0])
        reference = contrasts[i]
        secondary = contrasts[j]
        positions = np.indices(ice.shape) + np.nan_to_num(flow[::-1])
        aligned = ndimage.map_coordinates(secondary, positions, order=1, mode="nearest")
        before = np.corrcoef(reference[valid], secondary[valid])[0, 1]
        after = np.corrcoef(reference[valid], aligned[valid])[0, 1]
        gains.append(after - before)
    assert np.median(gains) > 0.1


def test_windows_contain_ice():
    ice = np.zeros((300, 300), bool)
    ice[:, :150] = True
    tiles = pretraining_data.list_windows(ice, 2)
    assert {tile.pair for tile in tiles} == {0, 1}
    assert {tile.turns for tile in tiles} == {0, 1, 2, 3}
    assert all(ice[t.row : t.row + 128, t.column : t.column + 128].mean() > 0.2 for t in tiles)


def test_textures_of_real_scenes_are_added(real):
    textures = pretraining_data.training_textures(real / "aletsch-2020-07")
    assert textures.shape == (48, 512, 512) and np.isfinite(textures).all()
    assert len(pretraining_data.training_textures(None)) == 40
