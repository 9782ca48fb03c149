"""Moved textures follow their truth exactly, and the splits are disjoint."""

import numpy as np
import pytest
from scipy import ndimage

from gdiv.benchmark import cases, weather
from gdiv.images.contrast import local_contrast


def drawn_cases(split="dev"):
    return [case for case in cases.moved_cases(split) if case.kind == "drawn"]


def test_secondary_at_the_true_displacement_shows_the_reference(monkeypatch):
    monkeypatch.setattr(weather, "RENEWED_FRACTION", 0.0)
    monkeypatch.setattr(weather, "NOISE", 0.0)
    case = next(case for case in drawn_cases() if case.condition == "snow-line")
    case = cases.Case(**(vars(case) | {"condition": "none"}))
    pair = cases.make_moved(case, None)
    rows, columns = np.indices(pair.ice.shape)
    points = [rows + pair.flow[1], columns + pair.flow[0]]
    moved = ndimage.map_coordinates(pair.secondary.astype(float), points, order=5, mode="mirror")
    same = pair.ice & pair.counted
    correlation = np.corrcoef(
        local_contrast(pair.reference)[same], local_contrast(moved.astype(np.float32))[same]
    )
    assert correlation[0, 1] > 0.999


def test_every_second_texture_is_partly_renewed():
    case = drawn_cases()[0]
    pair = cases.make_moved(case, None)
    assert np.isfinite(pair.reference).all()
    assert pair.counted[: cases.RIM].sum() == 0
    again = cases.make_moved(case, None)
    assert np.array_equal(pair.secondary, again.secondary), "equal seeds must give equal pairs"


def test_splits_share_no_texture_glacier_or_seed():
    splits = {name: list(cases.moved_cases(name)) for name in ("dev", "test")}
    folders = {
        name: {case.texture.folder for case in split if case.texture}
        for name, split in splits.items()
    }
    assert folders["dev"].isdisjoint(folders["test"])
    seeds = {name: {case.seed for case in split} for name, split in splits.items()}
    assert seeds["dev"].isdisjoint(seeds["test"])


def test_the_test_split_covers_widths_speeds_families_and_conditions():
    split = list(cases.moved_cases("test"))
    for low, high in cases.HALF_WIDTHS:
        assert sum(low <= case.half_width <= high for case in split) >= 8
    assert min(case.reach for case in split) < 0.6
    assert max(case.reach for case in split) > 25
    assert {case.condition for case in split} == set(weather.CONDITIONS)
    assert all(case.reach <= cases.MAX_REACH * case.half_width + 0.1 for case in split)


@pytest.mark.parametrize("texture", cases.TEXTURES["test"], ids=lambda texture: texture.folder)
def test_real_textures_can_be_moved(texture, real):
    case = next(case for case in cases.moved_cases("test") if case.texture == texture)
    pair = cases.make_moved(case, real)
    assert np.isfinite(pair.secondary).all()
    assert pair.reference.std() > 0
