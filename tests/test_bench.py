"""The bench's pairs are what they say, and every matcher in it finds motion."""

import sys

import numpy as np
import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "bench"))
import cases
import peers


@pytest.mark.parametrize("name", [name for name in peers.PEERS if name != "zero"])
def test_every_matcher_finds_motion(name):
    pair = cases.synthetic("clean", 128, 4, reach=3)
    make, choices = peers.PEERS[name]
    settings = {key: options[0] for key, options in choices[0].items()}
    found = np.stack(make(**settings)(pair.reference, pair.secondary))
    error = np.nanmean(np.hypot(*(found - pair.flow))[pair.counted])
    assert found.shape == pair.flow.shape and error < 0.8 * np.hypot(*pair.flow)[pair.counted].mean()


def test_synthetic_pairs_differ_only_as_their_case_says():
    pairs = {case: cases.synthetic(case, 128, 1) for case in cases.SYNTHETIC}
    for case, pair in pairs.items():
        assert np.array_equal(pair.flow, pairs["clean"].flow), case
        assert np.corrcoef(pair.reference.ravel(), pairs["clean"].reference.ravel())[0, 1] > 0.98, case
    still = cases.synthetic("clean", 128, 1, reach=1e-6)
    assert (still.secondary - still.reference).std() == pytest.approx(cases.NOISE * 2**0.5, rel=0.1)
    spoilt = cases.synthetic("decorrelation", 128, 1, reach=1e-6)
    assert np.corrcoef(spoilt.reference.ravel(), spoilt.secondary.ravel())[0, 1] == pytest.approx(0.85**0.5, abs=0.06)


def test_real_scenes_can_be_warped(real):
    pair = cases.warped(real, 1, 0)
    assert np.isfinite(pair.reference).all() and np.isfinite(pair.secondary).all()
    assert np.hypot(*pair.flow).max() > 1
