"""Cut pairs into tiles and split them into sets."""

import numpy as np
import pytest

from gdiv.catalog import load_catalog
from gdiv.flow.training import tiles
from gdiv.imagery.grid import study_grid
from gdiv.twin.ice import Ice


def list_scene_pairs(count):
    return [(i, count + i) for i in range(count)]


def test_the_random_split_has_the_counts_of_the_paper():
    """170 pairs of 10 and 17 scenes give 14,871 / 1,653 / 1,836 samples (section 2.2)."""
    entry = load_catalog().glaciers["mer-de-glace"]
    # Use only the wide streams; the narrow branches of the twin would add windows.
    wide = entry.twin.model_copy(update={"branches": entry.twin.branches[:2]})
    entry = entry.model_copy(update={"twin": wide})
    ice = Ice(entry, study_grid(entry.bbox, entry.epsg)).mask
    scenes = [(i, 10 + j) for i in range(10) for j in range(17)]
    listed = tiles.list_tiles(scenes, ice, 256, "random")
    counts = {name: sum(tile.set == name for tile in listed) for name in tiles.SETS}
    assert counts == {"train": 14_871, "validation": 1_653, "test": 1_836} and len(listed) == 18_360
    assert listed == tiles.list_tiles(scenes, ice, 256, "random")


def test_sets_of_the_space_split_share_no_pixel():
    glacier = np.ones((420, 200), bool)
    covered = {name: np.zeros(glacier.shape, bool) for name in tiles.SETS}
    for tile in tiles.list_tiles(list_scene_pairs(3), glacier, 96, "space"):
        covered[tile.set][tile.row : tile.row + 96, tile.column : tile.column + 96] = True
    assert all(covered[name].any() for name in covered)
    assert sum(area.astype(int) for area in covered.values()).max() == 1


def test_sets_of_the_date_split_share_no_scene():
    """Test pairs between two seasons, and pairs that share a scene with the next pair."""
    for scenes in (
        [(i, 4 + j) for i in range(4) for j in range(6)],
        [(i, j) for j in range(12) for i in range(j)],
    ):
        used = {name: set() for name in tiles.SETS}
        for tile in tiles.list_tiles(scenes, np.ones((200, 200), bool), 96, "date"):
            used[tile.set] |= set(scenes[tile.pair])
        assert all(used.values())
        assert sum(map(len, used.values())) == len(set.union(*used.values()))


def test_all_glaciers_of_the_catalog_can_be_split_by_space():
    catalog = load_catalog()
    for key, entry in catalog.glaciers.items():
        if entry.twin is None:
            continue
        ice = Ice(entry, study_grid(entry.bbox, entry.epsg)).mask
        for profile in catalog.profiles.values():
            listed = tiles.list_tiles(list_scene_pairs(1), ice, profile.tile, "space")
            assert {tile.set for tile in listed} == set(tiles.SETS), key
            window = next((t.row, t.column) for t in listed if t.set == "test")
            assert ice[window[0] :, window[1] :][: profile.tile, : profile.tile].mean() > 0.1, key


def test_tiles_that_do_not_fit_raise_an_error():
    with pytest.raises(ValueError, match="take a smaller tile"):
        tiles.list_tiles(list_scene_pairs(1), np.ones((100, 100), bool), 128, "random")
    with pytest.raises(
        ValueError, match="no tile of 96 pixels is left for train, validation, test under the space"
    ):
        tiles.list_tiles(list_scene_pairs(1), np.ones((100, 150), bool), 96, "space")
    with pytest.raises(ValueError, match="date split; take more scenes"):
        tiles.list_tiles(list_scene_pairs(1), np.ones((100, 150), bool), 96, "date")
    with pytest.raises(ValueError, match="random, space, date"):
        tiles.list_tiles(list_scene_pairs(1), np.ones((200, 200), bool), 96, "time")
