"""Random draws of each pair from its own generator."""

import numpy as np
import pytest
import torch

from gdiv.flow.training.draws import RandomDraws


def make_draws(*seeds):
    return RandomDraws([np.random.default_rng(seed) for seed in seeds], "cpu")


@pytest.mark.parametrize(
    "draw",
    [
        lambda draws: draws.uniform(0, 1, 3),
        lambda draws: draws.normal(0, 1),
        lambda draws: draws.likely(0.5),
        lambda draws: draws.choice(10, 4).T,
        lambda draws: draws.field(32, 8),
        lambda draws: draws.noise(32),
    ],
    ids=["uniform", "normal", "likely", "choice", "field", "noise"],
)
def test_a_pair_does_not_depend_on_the_others_of_its_batch(draw):
    alone = draw(make_draws(7))
    among = draw(make_draws(5, 7, 9))
    assert among.shape[0] == 3
    assert torch.equal(alone[0], among[1])


def test_draws_have_their_distribution():
    draws = make_draws(*range(200))
    uniform = draws.uniform(2, 4)
    assert uniform.min() >= 2
    assert uniform.max() <= 4
    assert float(uniform.mean()) == pytest.approx(3, abs=0.15)
    assert float(draws.normal(1, 2).std()) == pytest.approx(2, rel=0.2)
    assert float(draws.likely(0.2).float().mean()) == pytest.approx(0.2, abs=0.1)


def test_choices_differ_within_a_pair():
    chosen = make_draws(*range(20)).choice(6, 6)
    assert all(sorted(row.tolist()) == list(range(6)) for row in chosen.T)


def test_fields_are_smooth_and_noise_is_not():
    draws = make_draws(*range(30))
    field = draws.field(64, 16)
    noise = draws.noise(64)
    for values in (field, noise):
        assert float(values.std()) == pytest.approx(1, abs=0.15)
    assert field.diff(dim=-1).std() < 0.2 < noise.diff(dim=-1).std()
