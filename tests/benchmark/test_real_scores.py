"""Real pairs are scored, and their caveats are measured."""

import numpy as np
import pytest

import gdiv
from gdiv.benchmark.real_scenes import SITES, RealScenes, needed_pairs
from gdiv.benchmark.real_scores import score_site


@pytest.fixture(scope="module")
def yahtse(real):
    return RealScenes(real, SITES[0])


@pytest.fixture(scope="module")
def zmutt(real):
    return RealScenes(real, SITES[1])


def score(scenes, name):
    flows = {
        pair: np.stack(gdiv.match_images(name, *(scenes.images[date] for date in pair))[:2])
        for pair in needed_pairs(scenes.site)
    }
    return score_site(scenes, flows)


def test_dis_agrees_with_chips_and_with_the_published_field(yahtse):
    dis, zero = score(yahtse, "dis"), score(yahtse, "zero")
    assert dis["agreement"].value < 0.25 < zero["agreement"].value
    assert dis["field"].value < 0.6 < zero["field"].value
    assert dis["stable"].low < dis["stable"].value < dis["stable"].high


def test_the_field_is_relative_to_stable_ground_and_runs_east(yahtse):
    field = yahtse.published_field(("2016-07-18", "2016-08-03"))
    assert np.nanmedian(field[:, yahtse.stable], axis=1) == pytest.approx([0, 0], abs=0.01)


def test_null_pairs_and_closure_are_scored_without_stable_ground(zmutt):
    scores = score(zmutt, "dis")
    assert "stable" not in scores
    assert 0.1 < scores["null"].value < 0.5
    assert scores["closure"].value > 0


def test_the_compression_grid_of_perito_moreno_is_measured(real, yahtse):
    moreno = RealScenes(real, SITES[2])
    assert moreno.block_grid > 1.15 > 1.05 > yahtse.block_grid
