"""The pairs of the bench are as described, and every matcher in it finds motion."""

import sys

import numpy as np
import pytest
import torch
from places import ROOT

sys.path.insert(0, str(ROOT / "bench"))
import ablation
import calibration
import designs
import hypothesis
import peers
import real_cases

from gdiv.benchmark import smooth
from gdiv.benchmark.scores import CLASSES
from gdiv.flow.matchers.calibration import IMAGES_ALONE, WITH_SECOND, calibrate


@pytest.mark.parametrize("name", [name for name in peers.PEERS if name != "zero"])
def test_every_matcher_finds_motion(name):
    pair = smooth.synthetic("clean", 128, 4, reach=3)
    make, choices = peers.PEERS[name]
    settings = {key: options[0] for key, options in choices[0].items()}
    found = np.stack(make(**settings)(pair.reference, pair.secondary)[:2])
    error = np.nanmean(np.hypot(*(found - pair.flow))[pair.counted])
    assert (
        found.shape == pair.flow.shape and error < 0.8 * np.hypot(*pair.flow)[pair.counted].mean()
    )


def test_synthetic_pairs_differ_only_as_specified():
    pairs = {case: smooth.synthetic(case, 128, 1) for case in smooth.SYNTHETIC}
    for case, pair in pairs.items():
        assert np.array_equal(pair.flow, pairs["clean"].flow), case
        if case == "shadow":  # pixels outside the shadow do not change
            continue
        assert np.corrcoef(pair.reference.ravel(), pairs["clean"].reference.ravel())[0, 1] > 0.98, (
            case
        )
    still = smooth.synthetic("clean", 128, 1, reach=1e-6)
    assert (still.secondary - still.reference).std() == pytest.approx(
        smooth.NOISE * 2**0.5, rel=0.1
    )
    degraded = smooth.synthetic("decorrelation", 128, 1, reach=1e-6)
    correlation = np.corrcoef(degraded.reference.ravel(), degraded.secondary.ravel())[0, 1]
    assert correlation == pytest.approx(0.85**0.5, abs=0.06)


def test_shadows_darken_parts_of_both_images():
    clean, shadow = (smooth.synthetic(case, 128, 1) for case in ("clean", "shadow"))
    for one, two in zip(clean[:2], shadow[:2], strict=True):
        light = (two + 0.1) / (one - one.min() + 0.1)  # offset to avoid noise near black
        assert 0.02 < (light < 0.5).mean() < 0.6 and (np.abs(light - 1) < 0.1).mean() > 0.3


@pytest.mark.parametrize("name", [name for name in ablation.VARIANTS if "torchvision" not in name])
def test_ablation_variants_are_different_networks(name):
    torch.manual_seed(0)
    network = ablation.VARIANTS[name]().eval()
    assert (network.config != ablation.GDIV) == (name != "as it ships")
    with torch.inference_mode():
        assert network(*torch.randn(2, 1, 1, 64, 64))[-1].shape == (1, 2, 64, 64)


@pytest.mark.parametrize("name", designs.DESIGNS)
def test_every_design_finds_motion(name):
    pair = smooth.synthetic("clean", 96, 4, reach=3)
    found = np.stack(designs.DESIGNS[name](pair.reference, pair.secondary))
    error = np.hypot(*(found[:2] - pair.flow))[pair.counted].mean()
    assert error < 0.3 * np.hypot(*pair.flow)[pair.counted].mean()
    assert "errors from" not in name or ((found[2:] >= 0).all() and found.shape == (4, 96, 96))


def test_a_network_without_costs_follows_its_steps_alone():
    """The network ignores costs, so different features do not change its flow."""
    torch.manual_seed(0)
    network = designs.VARIANTS["no cost volume"]().eval()
    images = torch.randn(2, 1, 1, 64, 64)
    with torch.inference_mode():
        (before,) = network(*images)
        for parameter in network.matching.parameters():
            parameter.mul_(-2)
        (after,) = network(*images)
    assert torch.equal(before, after)


def test_real_scenes_can_be_warped(real):
    pair = real_cases.warped(real, 1, 0)
    assert np.isfinite(pair.reference).all() and np.isfinite(pair.secondary).all()
    assert np.hypot(*pair.flow).max() > 1


def test_a_calibration_recovers_the_drawn_errors():
    rng = np.random.default_rng(0)
    samples = []
    for number in range(6):
        shown, second = np.exp(rng.normal(-3, 1, (2, 2, 3000)))
        error = rng.normal(size=(2, 3000)) * 1.5 * shown**0.7 * (second + 0.02) ** 0.4
        classes = np.ones((len(CLASSES), 3000), bool)
        samples.append(calibration.Sample(str(number), shown, second, error, second[0], classes))
    fitted = calibration.fit(samples, WITH_SECOND)
    assert fitted.shown == pytest.approx(0.7, abs=0.05)
    assert fitted.second == pytest.approx(0.4, abs=0.05)
    sigmas = [calibrate(sample.shown, sample.second, fitted) for sample in samples]
    scores = calibration.score(samples, sigmas)
    assert scores["coverage"]["ice"] == pytest.approx(0.683, abs=0.02)
    # The sigma from which errors were drawn ranks pixels best.
    assert scores["ause"] == pytest.approx(scores["ause_of_sigma"], abs=0.05)
    alone = calibration.fit(samples, IMAGES_ALONE)
    worse = calibration.score(samples, [calibrate(s.shown, None, alone) for s in samples])
    assert worse["crps"] > scores["crps"] and worse["ause"] > scores["ause"]


def test_gradients_of_a_ramp_are_those_of_sobel():
    x, y = hypothesis.sobel_bands(np.add.outer(3 * np.arange(9.0), np.arange(9.0)))
    assert (x[1:-1, 1:-1] == 8).all() and (y[1:-1, 1:-1] == 24).all()


def test_zero_motion_has_a_bias_of_minus_one():
    flow = np.full((2, 64, 64), 3, np.float32)
    images = np.zeros((2, 64, 64), np.float32)
    score = hypothesis.score([np.zeros_like(flow)], [(images, flow)])
    assert score["error"] == pytest.approx(3 * 2**0.5) and score["along"] == pytest.approx(-1)
