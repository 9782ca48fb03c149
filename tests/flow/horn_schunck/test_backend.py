"""The NumPy and PyTorch backends agree."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from texture_pairs import move_texture

from gdiv.flow.horn_schunck.solver import PAPER, QUADRATIC, Settings, solve_horn_schunck

CLEAN = replace(QUADRATIC, weight=1, median=1)


@pytest.mark.parametrize("settings", [CLEAN, Settings()], ids=["quadratic", "robust"])
@pytest.mark.parametrize(
    "shape", [(2, 2), (2, 9), (9, 2), (17, 16), (31, 29), (30, 31), (31, 30), (65, 131)]
)
def test_both_backends_agree_for_any_size(shape, settings):
    """Odd sides have unequal numbers of pixels per colour; motion reveals errors at the rim."""
    pair = [
        image[: shape[0], : shape[1]].copy()
        for image in move_texture(np.array([0.6, -0.4])[:, None, None], size=140)
    ]
    result = np.stack(solve_horn_schunck(*pair, settings))
    other = torch.stack(
        solve_horn_schunck(*(torch.from_numpy(image) for image in pair), settings)
    ).numpy()
    assert np.isfinite(result).all() and np.abs(result).max() > 0.05
    assert np.abs(result - other).max() < 1e-3


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        QUADRATIC,
        replace(QUADRATIC, feature="brightness", weight=1),
        replace(QUADRATIC, taps=7, symmetric=True),
        PAPER,
    ],
    ids=["default", "quadratic", "brightness", "symmetric", "paper"],
)
def test_both_backends_agree_for_all_settings(clean_pairs, settings):
    pair = clean_pairs[0][0][:, :101, :119].copy()
    pair[1, 30:45, 60:90] = np.nan
    mask = np.ones(pair.shape[1:], bool)
    mask[:, :20] = False
    u, v = solve_horn_schunck(*pair, settings, mask)
    result = solve_horn_schunck(*torch.from_numpy(pair), settings, torch.from_numpy(mask))
    assert all(isinstance(part, torch.Tensor) and part.dtype == torch.float32 for part in result)
    assert max(np.abs(result[0].numpy() - u).max(), np.abs(result[1].numpy() - v).max()) < 0.01


def test_a_batch_equals_its_pairs_solved_alone(clean_pairs):
    batch = torch.from_numpy(np.stack([pair for pair, _ in clean_pairs]))
    u, v = solve_horn_schunck(batch[:, 0], batch[:, 1])
    for index, (pair, _) in enumerate(clean_pairs):
        alone = solve_horn_schunck(*torch.from_numpy(pair))
        assert (u[index] - alone[0]).abs().max() < 1e-3 and (v[index] - alone[1]).abs().max() < 1e-3
