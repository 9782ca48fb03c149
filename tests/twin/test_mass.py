"""Mass of the twin."""

import numpy as np

from gdiv.twin.mass import DEPTH_FACTOR, SMOOTHING
from gdiv.twin.truth import read_truth


def test_the_twin_conserves_mass(twin_folder):
    """Flux through a closed box of ice equals the balance and the thinning inside."""
    truth = read_truth(twin_folder)
    spacing = truth.attrs["spacing"]
    flux = [
        DEPTH_FACTOR * (truth.thickness * truth[name]).values * spacing for name in ("vx", "vy")
    ]
    speed = np.hypot(truth.vx, truth.vy).values
    row, column = np.unravel_index(np.argmax(speed), speed.shape)
    half = int(3 * SMOOTHING / spacing)
    row = int(np.clip(row, half + 1, speed.shape[0] - half - 2))
    column = int(np.clip(column, half + 1, speed.shape[1] - half - 2))
    rows, columns = slice(row - half, row + half), slice(column - half, column + half)
    east, north = flux
    out = east[rows, column + half].sum() - east[rows, column - half].sum()
    out += north[row - half, columns].sum() - north[row + half, columns].sum()
    inside = (truth.balance + truth.thinning).values[rows, columns].sum() * spacing**2
    through = np.abs(east[rows, column - half]).sum() + np.abs(north[row - half, columns]).sum()
    assert abs(out - inside) < 0.1 * through


def test_the_tongue_melts(twin_folder):
    truth = read_truth(twin_folder)
    ice = truth.thickness.values > 30
    assert -12 < np.median(truth.balance.values[ice]) < 0
