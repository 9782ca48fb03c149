"""A matcher in another package, which does not import gdiv and is found by its entry point."""

import numpy as np
from skimage.registration import phase_cross_correlation

WINDOW = 64
STEP = 32
TAPER = np.hanning(WINDOW)[:, None] * np.hanning(WINDOW)


class PhaseCorrelation:
    """One displacement per window, constant in the window's middle, NaN at the frame."""

    def __init__(self):
        self.name = "phase-correlation"
        self.label = "phase correlation"
        self.colour = "#882255"
        self.reach = WINDOW / 2
        self.cost = 3.0
        self.needs = ("skimage",)

    def match(self, reference, secondary):
        u = np.full(reference.shape, np.nan)
        v = np.full(reference.shape, np.nan)
        margin = (WINDOW - STEP) // 2
        first = np.where(np.isfinite(reference), reference, np.nanmean(reference))
        second = np.where(np.isfinite(secondary), secondary, np.nanmean(secondary))
        for row in range(0, reference.shape[0] - WINDOW + 1, STEP):
            for column in range(0, reference.shape[1] - WINDOW + 1, STEP):
                window = slice(row, row + WINDOW), slice(column, column + WINDOW)
                shift, _, _ = phase_cross_correlation(
                    TAPER * second[window],
                    TAPER * first[window],
                    upsample_factor=20,
                    normalization=None,
                )
                middle = (
                    slice(row + margin, row + WINDOW - margin),
                    slice(column + margin, column + WINDOW - margin),
                )
                v[middle], u[middle] = shift
        return u, v


MATCHER = PhaseCorrelation()
