"""Numbers of the paper."""

import pytest

from gdiv.study.paper import FIGURE_2, stakes_with_errors


def test_errors_at_the_stakes_are_those_of_the_table():
    table = stakes_with_errors()
    assert table.index[-1] == "mean absolute error"
    errors = table.iloc[-1]
    assert errors["horn-schunck"] == pytest.approx((4.50 + 0.48 + 0.14) / 3)
    assert errors["raft"] == pytest.approx((10.46 + 6.37 + 6.23) / 3)


def test_figure_2_has_three_tiles():
    assert FIGURE_2 == (2.18, 2.45, 2.71)
