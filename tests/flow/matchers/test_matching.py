"""The common interface of all matchers."""

import numpy as np
import pytest
from texture_pairs import shift_texture

import gdiv
from gdiv.flow.matchers.matching import match_images


def test_an_unknown_matcher_raises_an_error_that_lists_all():
    with pytest.raises(ValueError, match="correlation, dis, farneback, horn-schunck"):
        gdiv.match_images("optical-flow", *shift_texture(1, 1))


def test_images_of_different_shape_raise_an_error():
    reference, secondary = shift_texture(1, 1)
    with pytest.raises(ValueError, match="the same .H, W. shape"):
        gdiv.match_images("dis", reference, secondary[:-1])


def test_forward_backward_error_reveals_changed_surface(clean_pairs):
    pair, _ = clean_pairs[3]
    degraded = pair.copy()
    degraded[1, 40:70, 40:70] = clean_pairs[0][0][0][40:70, 40:70]
    result = match_images("horn-schunck", *degraded, check_consistency=True)
    assert np.median(result.residual[45:65, 45:65]) > 3 * np.median(result.residual[80:110, 80:110])
    assert np.median(result.quality[45:65, 45:65]) < 0.5 < np.median(result.quality[80:110, 80:110])
    assert np.isnan(match_images("horn-schunck", *pair).residual).all()


@pytest.mark.parametrize("matcher", ["dis", "farneback"])
def test_prewarping_extends_the_reach_of_a_matcher(matcher):
    reference, secondary = shift_texture(24, -17)
    inner = (slice(32, -32),) * 2
    first = match_images("horn-schunck", reference, secondary)
    result = match_images(matcher, reference, secondary, prewarp="horn-schunck")
    assert np.abs(np.median(result.u[inner]) - np.median(first.u[inner])) < 0.05
    assert np.median(np.hypot(result.u - 24, result.v + 17)[inner]) < 0.1
    alone = match_images(matcher, reference, secondary)
    assert np.median(np.hypot(alone.u - 24, alone.v + 17)[inner]) > 1
