"""Register pairs of scenes on stable ground."""

import numpy as np
import pandas as pd
import pytest

from gdiv.imagery import coregistration, cube, pairs, shift
from gdiv.twin.truth import read_truth, true_displacement


def test_register_pairs_recovers_the_misregistration_of_the_twin(twin, glacier, twin_folder):
    """Compare all pairs of both season pairs with the true mis-registration."""
    data = cube.load_cube(twin["items"], twin["table"], twin["source"], twin["grid"]).load()
    truth = read_truth(twin_folder)
    chosen = [
        pairs.choose_pairs(twin["table"], glacier, years) for years in ([2020, 2021], [2021, 2022])
    ]
    table = coregistration.register_pairs(data, pd.concat(chosen, ignore_index=True), twin["masks"])
    registered = table[table.blocks >= shift.MIN_BLOCKS]
    stable = twin["masks"].stable.values
    true_shift = np.array(
        [
            [np.median(part[stable]) for part in true_displacement(truth, *pair)]
            for pair in zip(registered.reference, registered.secondary, strict=True)
        ]
    )
    assert len(registered) >= 8
    # The frame has 220 rows and jitter correlates over 40, so only a few blocks are independent.
    error = registered[["shift_x", "shift_y"]].to_numpy() - true_shift
    assert np.sqrt(np.mean(error**2)) < 0.15
    assert np.sqrt(np.mean(error**2)) < 0.6 * np.sqrt(np.mean(true_shift**2))
    assert registered.before.median() > 1.5 * registered.shift_spread.median()


def test_unregistrable_or_cloudy_pairs_are_dropped_with_a_reason(twin, glacier):
    data = cube.load_cube(twin["items"], twin["table"], twin["source"], twin["grid"]).load()
    table = pairs.choose_pairs(twin["table"], glacier, [2020, 2021])
    ids, reflectance = data.scene.values.tolist(), data.reflectance.values.copy()
    cloudy, distorted = table.reference.iloc[0], table.secondary.iloc[-1]
    reflectance[ids.index(cloudy)][twin["masks"].glacier.values] = np.nan
    rows = np.arange(reflectance.shape[1])
    wavy = (rows + 3 * np.sin(rows / 25)).round().astype(int).clip(0, rows[-1])
    reflectance[ids.index(distorted)] = reflectance[ids.index(distorted)][wavy]
    degraded = data.assign(reflectance=(data.reflectance.dims, reflectance))
    reasons = coregistration.register_pairs(degraded, table, twin["masks"])
    of_cloudy = reasons[reasons.reference == cloudy].reason
    assert of_cloudy.str.contains("only 0% of the glacier has data").all()
    rest = reasons[
        (reasons.secondary == distorted) & (reasons.reference != cloudy) & (reasons.blocks >= 4)
    ]
    assert len(rest) and rest.reason.str.contains("the shifts on stable ground have a spread").all()
    nothing = degraded.assign(reflectance=degraded.reflectance * np.nan)
    with pytest.raises(ValueError, match="none of .* pairs can be used: only 0%"):
        coregistration.register_pairs(nothing, table, twin["masks"])


def test_too_little_stable_ground_gives_no_statistics():
    image = np.random.default_rng(0).normal(size=(64, 64))
    statistics = coregistration.stable_ground_statistics(image, image, np.zeros((64, 64), bool))
    assert np.isnan(statistics["nmad_x"])


def test_without_stable_ground_shifts_come_from_the_pair_network(twin, glacier, twin_folder):
    data = cube.load_cube(twin["items"], twin["table"], twin["source"], twin["grid"]).load()
    table = pairs.choose_pairs(twin["table"], glacier, [2021, 2022])
    # Treat stable ground as slow ice, and leave no ground marked as stable.
    masks = twin["masks"].assign(glacier=twin["masks"].stable, stable=twin["masks"].stable & False)
    registered = coregistration.register_pairs(data, table, masks)
    assert set(registered.registered_on) == {"pair network"}
    truth = read_truth(twin_folder)
    stable = twin["masks"].stable.values
    true_shift = np.array(
        [
            [np.median(part[stable]) for part in true_displacement(truth, *pair)]
            for pair in zip(registered.reference, registered.secondary, strict=True)
        ]
    )
    # A shift common to all pairs of two seasons cannot be distinguished from motion.
    error = registered[["shift_x", "shift_y"]].to_numpy() - true_shift
    scatter = np.sqrt(np.mean((error - error.mean(0)) ** 2))
    assert scatter < 0.6 * np.sqrt(np.mean((true_shift - true_shift.mean(0)) ** 2))
