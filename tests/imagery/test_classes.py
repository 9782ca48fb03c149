"""Classes of the masks of every archive."""

import numpy as np
import pytest

from gdiv.imagery.classes import classify


@pytest.mark.parametrize(
    ("kind", "values", "clear", "snow", "water"),
    [
        ("scl", [0, 1, 3, 4, 6, 8, 9, 10, 11], [3, 4, 8], [8], [4]),
        ("qa_pixel", [1, 1 << 3, 1 << 4, 1 << 6, (1 << 6) | (1 << 5), 1 << 7], [3, 4, 5], [4], [5]),
        (
            "fmask",
            [255, 1 << 1, 1 << 3, 0, 1 << 4, 1 << 5, 0b11 << 6],
            [3, 4, 5, 6],
            [0, 4],
            [0, 5],
        ),
    ],
)
def test_masks_are_classified(kind, values, clear, snow, water):
    found = classify(np.array(values), kind)
    assert [np.flatnonzero(each).tolist() for each in found] == [clear, snow, water]
