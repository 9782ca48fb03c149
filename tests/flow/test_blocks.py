"""Cut images into blocks with a halo."""

import numpy as np
import pytest

from gdiv.flow.blocks import block_spans, block_windows


@pytest.mark.parametrize("shape", [(64, 64), (100, 65), (30, 200)])
def test_blocks_cover_each_pixel_once(shape):
    covered = np.zeros(shape, int)
    for window in block_windows(shape, block=32, halo=8):
        covered[window.inner] += 1
    assert (covered == 1).all()


def test_the_kept_part_of_a_window_is_its_block():
    image = np.arange(100 * 70).reshape(100, 70)
    for window in block_windows(image.shape, block=32, halo=8):
        assert np.array_equal(image[window.outer][window.kept], image[window.inner])


def test_halos_end_at_the_frame():
    first, *_, last = block_windows((96, 96), block=32, halo=8)
    assert first.outer == (slice(0, 40), slice(0, 40))
    assert last.outer == (slice(56, 96), slice(56, 96))


def test_short_remainders_extend_the_last_block():
    assert block_spans(70, 32) == [(0, 32), (32, 70)]
    assert block_spans(90, 32) == [(0, 32), (32, 64), (64, 90)]
    assert block_spans(10, 32) == [(0, 10)]
