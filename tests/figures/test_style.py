"""Style and colours of figures."""

import matplotlib.pyplot as plt
import pytest

from gdiv.figures.style import STYLE, styled
from gdiv.flow.matchers.registry import get_matcher, matcher_colour


def test_the_style_is_restored_after_an_error():
    before = {name: plt.rcParams[name] for name in STYLE}
    with pytest.raises(ZeroDivisionError), styled():
        assert plt.rcParams["font.size"] == STYLE["font.size"]
        1 / 0  # noqa: B018
    assert {name: plt.rcParams[name] for name in STYLE} == before


def test_matchers_have_the_colour_of_their_registration():
    assert matcher_colour("raft") == get_matcher("raft").colour
    assert matcher_colour("no matcher").startswith("#")
