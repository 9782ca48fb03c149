"""Positions of the glaciers of the catalog."""

import pytest
from pydantic import ValidationError

from gdiv.catalog import Glacier, load_catalog


def moved(**changes):
    """Make Mer de Glace's entry with a different position."""
    entry = load_catalog().glaciers["mer-de-glace"].model_dump(exclude={"twin", "stakes"})
    return Glacier(**entry | changes)


@pytest.mark.parametrize(
    ("box", "epsg", "longitude"),
    [
        ((179.8, 66.0, -179.6, 66.2), 32660, -179.9),
        ((179.6, 66.0, -179.8, 66.2), 32601, 179.9),
        ((179.8, -78.2, -179.8, -78.0), 3031, 180.0),
    ],
)
def test_a_box_may_cross_180_degrees(box, epsg, longitude):
    glacier = moved(bbox=box, epsg=epsg)
    assert glacier.centre == (pytest.approx(longitude), pytest.approx((box[1] + box[3]) / 2))


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((6.95, 45.88, 6.92, 45.93), "west < east"),
        ((170.0, 45.88, -170.0, 45.93), "km"),
        ((179.8, 66.0, -179.6, 66.2), "epsg 32632 is used"),
    ],
)
def test_an_invalid_box_is_rejected(box, message):
    with pytest.raises(ValidationError, match=message):
        moved(bbox=box)
