"""The median filter."""

import numpy as np
import pytest
from scipy import ndimage

from gdiv.flow.horn_schunck.median import median_filter


def test_median_filter_agrees_with_scipy_and_skips_nan():
    rng = np.random.default_rng(0)
    field = rng.normal(size=(40, 50)).astype(np.float32)
    for size in (1, 3, 5, 9, 11):
        edge = (slice(size // 2, 40 - size // 2), slice(size // 2, 50 - size // 2))
        assert (
            np.abs(median_filter(field, size) - ndimage.median_filter(field, size))[edge].max()
            < 1e-3
        )
    field[10:13, 10:13] = np.nan
    result = median_filter(field, 9)
    assert np.isfinite(result).all()
    assert result[20, 8] == pytest.approx(np.nanmedian(field[16:25, 4:13]), abs=1e-3)
    assert result[0, 0] == pytest.approx(np.nanmedian(field[:5, :5]), abs=1e-3)
    assert np.isnan(median_filter(np.full((5, 5), np.nan, np.float32), 3)).all()
    assert np.array_equal(median_filter(np.full((6, 6), 2.5, np.float32), 3), np.full((6, 6), 2.5))
