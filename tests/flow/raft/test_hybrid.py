"""Refinement of the better of two displacements."""

import numpy as np
import pytest
import torch
from small_networks import make_network
from texture_pairs import shift_texture

from gdiv.benchmark.suite import load_case
from gdiv.flow.horn_schunck.solver import solve_horn_schunck
from gdiv.flow.matchers.raft import shipped_network
from gdiv.flow.raft.hybrid import find_start, predict_hybrid
from gdiv.flow.training.samples import rotate
from gdiv.images.sampling import compose_flows
from gdiv.study.pretraining_data import held_out

#: Width of the rim that is not compared, pixels.
RIM = 8


@pytest.fixture(scope="module")
def pairs():
    """Drawn pairs with realistic differences, from textures not used for training."""
    return held_out(1, 321, 12)


def predict(pair):
    """Displacement and stated errors of the shipped networks."""
    return predict_hybrid(shipped_network(), shipped_network("refinement"), *pair)


def inner(field):
    """Pixels inside the rim."""
    return field[..., RIM:-RIM, RIM:-RIM]


def test_the_start_takes_the_better_proposal():
    """With an untrained network, Horn-Schunck's displacement is used."""
    images = shift_texture(2, 1)
    start = find_start(make_network().eval(), *images)
    solved = np.stack(solve_horn_schunck(*images))
    assert np.median(np.abs(inner(start - solved))) < 0.05


@pytest.mark.parametrize("case", ["dev-drawn-tongue-02", "dev-drawn-bend-08"])
def test_narrow_ice_keeps_its_motion(case):
    """The hybrid is at least as close to the truth as the network alone and Horn-Schunck."""
    pair = load_case(case)
    scored = pair.ice & pair.counted

    def error(flow):
        return np.hypot(*(flow - pair.flow))[scored].mean()

    hybrid = error(predict((pair.reference, pair.secondary))[:2])
    solved = error(np.stack(solve_horn_schunck(pair.reference, pair.secondary)))
    assert hybrid < 1.02 * solved


@pytest.mark.parametrize(("turns", "mirrored"), [(1, False), (2, False), (0, True)])
def test_rotating_the_images_rotates_the_flow(pairs, turns, mirrored):
    """The median pixel of the median pair agrees to 0.05 px, as weights are not symmetric."""
    differences = []
    for pair, _ in pairs:
        flow = torch.from_numpy(predict(pair)[:2])
        turned, expected = rotate(torch.from_numpy(pair), flow, turns, mirrored)
        found = predict(turned.numpy())[:2]
        differences.append(np.median(np.hypot(*inner(found - expected.numpy()))))
    assert np.median(differences) < 0.05


def test_swapping_the_images_reverses_the_flow(pairs):
    """The forward-backward error is below 0.07 px in the median pixel of the median pair."""
    differences = []
    for pair, _ in pairs:
        forward, backward = predict(pair)[:2], predict(pair[::-1])[:2]
        differences.append(np.median(np.hypot(*inner(compose_flows(forward, backward)))))
    assert np.median(differences) < 0.07


def test_a_step_of_the_motion_stays_a_step():
    """Ice slides by 3 px beside stable ground; both keep their motion 4 px from the margin."""
    reference, secondary = shift_texture(3, 0)
    still, _ = shift_texture(0, 0)
    rows = np.arange(reference.shape[0])[:, None]
    u, *_ = predict((reference, np.where(rows < reference.shape[0] // 2, secondary, still)))
    middle = reference.shape[0] // 2
    columns = slice(2 * RIM, -2 * RIM)
    assert np.median(u[RIM : middle - 4, columns]) == pytest.approx(3, abs=0.1)
    assert np.median(u[middle + 4 : -RIM, columns]) == pytest.approx(0, abs=0.1)


def test_the_stated_errors_cover_two_thirds_of_true_errors(pairs):
    covered = []
    for pair, flow in pairs:
        predicted = predict(pair)
        error = np.abs(predicted[:2] - flow)
        known = np.isfinite(flow) & np.isfinite(pair).all(0)
        covered.append(inner(error < predicted[2:])[inner(known)])
    assert 0.58 < np.concatenate(covered).mean() < 0.80
