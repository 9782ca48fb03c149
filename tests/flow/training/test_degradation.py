"""Differences between dates that are not motion."""

import numpy as np
import torch
from small_networks import TEXTURES

from gdiv.flow.training.degradation import degrade
from gdiv.flow.training.draws import RandomDraws

SCENES = torch.from_numpy(TEXTURES[:, None, :96, :96])


def degrade_scenes(difficulty, seed=0):
    """Degrade four scenes with one difficulty."""
    generators = [np.random.default_rng([seed, number]) for number in range(4)]
    strength = torch.full((4, 1, 1, 1), difficulty)
    return degrade(SCENES, strength, RandomDraws(generators, "cpu"))


def correlations(images):
    """Correlation of each image with its scene, without voids."""
    values = []
    for image, scene in zip(images, SCENES, strict=True):
        valid = image.isfinite()
        values.append(np.corrcoef(image[valid], scene[valid])[0, 1])
    return np.array(values)


def test_without_difficulty_only_gain_and_noise_change():
    images = degrade_scenes(0.0)
    assert images.isfinite().all()
    assert (correlations(images) > 0.999).all()


def test_difficulty_lowers_the_correlation():
    hard = np.concatenate([correlations(degrade_scenes(1.0, seed)) for seed in range(6)])
    easy = np.concatenate([correlations(degrade_scenes(0.3, seed)) for seed in range(6)])
    assert hard.mean() < easy.mean() - 0.1


def test_degradation_is_repeatable():
    images, repeated, other = degrade_scenes(1.0), degrade_scenes(1.0), degrade_scenes(1.0, seed=1)
    assert torch.equal(images.nan_to_num(), repeated.nan_to_num())
    assert not torch.equal(images.nan_to_num(), other.nan_to_num())
