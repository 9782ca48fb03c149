"""Summary of the velocity of one pair."""

import numpy as np
import pytest
import xarray as xr

from gdiv.velocity.pair_summary import format_summary, summarise_pair

AXES = ("y", "x")


@pytest.fixture
def pair():
    ice = np.zeros((40, 40), bool)
    ice[:20] = True
    masks = {"glacier": (AXES, ice), "stable": (AXES, ~ice)}
    dates = {"reference_date": "2020-08-01T00:00:00", "secondary_date": "2021-08-01T00:00:00"}
    return xr.Dataset(masks).assign_attrs(dates)


@pytest.fixture
def velocity(pair):
    """Ice at 30 m/yr with an error of 4, half of it missing; ground at 1 m/yr."""
    east = np.where(pair.glacier, 30.0, 1.0)
    east[:10] = np.nan
    fields = {"vx": east, "vy": 0 * east, "v": east, "v_error": 0 * east + 4}
    attributes = {"shift_x": 0.25, "shift_y": -0.5, "registration_blocks": 9, "matcher": "dis"}
    return xr.Dataset({n: (AXES, v) for n, v in fields.items()}).assign_attrs(attributes)


def test_ice_and_stable_ground_are_summarised(pair, velocity):
    summary = summarise_pair(pair, velocity)
    assert (summary["days"], summary["target"]) == (365, "ice")
    assert summary["with_velocity"] == 0.5
    assert (summary["median_speed"], summary["median_error"]) == (30, 4)
    assert (summary["gcos_goal"], summary["stable_bias"]) == (1, 1)
    text = format_summary(summary)
    assert "ice with a velocity: 50 %" in text and "(+0.25, -0.50) px from 9 blocks" in text


def test_unknown_values_are_reported_as_unknown(pair, velocity):
    nothing = velocity * np.nan
    summary = summarise_pair(
        pair.drop_vars(["glacier", "stable"]),
        nothing.assign_attrs(velocity.attrs | {"registration_blocks": 0}),
    )
    assert summary["median_speed"] is None and summary["stable_nmad"] is None
    text = format_summary(summary)
    assert "speed: median unknown" in text and "the errors are those of the match alone" in text
