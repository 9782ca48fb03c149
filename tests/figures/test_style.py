"""Style and colours of figures."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from gdiv.figures.style import STYLE, speed_norm, styled
from gdiv.flow.matchers.registry import get_matcher, matcher_colour


def test_the_style_is_restored_after_an_error():
    before = {name: plt.rcParams[name] for name in STYLE}
    with pytest.raises(ZeroDivisionError), styled():
        assert plt.rcParams["font.size"] == STYLE["font.size"]
        1 / 0  # noqa: B018
    assert {name: plt.rcParams[name] for name in STYLE} == before


def test_colours_resolve_slow_ice_beside_fast_ice():
    alike = speed_norm([np.array([20.0, 40.0, 60.0])], 90)
    assert alike(45) == 0.5
    mostly_slow = speed_norm([np.array([50.0, 200.0, 300.0]), np.array([2400.0, np.nan])], 2500)
    assert mostly_slow(250) > 0.3
    assert (mostly_slow(0), mostly_slow(2500)) == (0, 1)
    assert speed_norm([np.array([np.nan])], 90)(45) == 0.5


def test_matchers_have_the_colour_of_their_registration():
    assert matcher_colour("raft") == get_matcher("raft").colour
    assert matcher_colour("no matcher").startswith("#")
