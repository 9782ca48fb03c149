"""Join the streams of a glacier."""

import numpy as np
import pytest
import shapely
from pyproj import Transformer

from gdiv.catalog import Branch, TwinDescription
from gdiv.imagery.grid import study_grid
from gdiv.twin.streams import join_streams

EPSG = 32632
#: Longitude, latitude, half width in metres and speed in m/yr: straight north.
POINTS = [(6.94, 45.890 + 0.002 * step, 200, 30 + 10 * step) for step in range(5)]


@pytest.fixture(scope="module")
def grid():
    return study_grid((6.93, 45.888, 6.95, 45.900), EPSG)


@pytest.fixture(scope="module")
def streams(grid):
    return join(grid, Branch(name="trunk", points=POINTS, debris=0.4))


def join(grid, *branches):
    description = TwinDescription(
        branches=branches, elevation=(1500, 1700), snow_line=2500, years=[2020]
    )
    return join_streams(description, list(branches), grid)


def test_speed_and_direction_follow_the_centreline(streams, grid):
    to_grid = Transformer.from_crs(4326, EPSG, always_xy=True)
    longitude, latitude, _, speed = POINTS[2]
    column, row = ~grid.affine * to_grid.transform(longitude, latitude)
    pixel = (int(row), int(column))
    assert streams.weight[pixel] == pytest.approx(1, abs=0.05)
    assert streams.north[pixel] / streams.weight[pixel] == pytest.approx(speed, rel=0.03)
    assert abs(streams.east[pixel]) < 3
    assert streams.debris[pixel] / streams.weight[pixel] > 0.1


def test_streams_end_at_their_margin(streams, grid):
    outline = streams.outline
    assert outline.area == pytest.approx(400 * 890, rel=0.15)
    x, y = np.meshgrid(grid.coordinates["x"].values, grid.coordinates["y"].values)
    distance = shapely.distance(shapely.points(x, y), outline)
    assert not streams.weight[distance > 20].any()


def test_tributaries_add_up_where_they_meet(grid, streams):
    tributary = [(6.936, 45.893, 100, 20), (6.938, 45.8945, 100, 20), (6.94, 45.896, 100, 20)]
    joined = join(
        grid,
        Branch(name="trunk", points=POINTS, debris=0.4),
        Branch(name="tributary", points=tributary),
    )
    assert joined.outline.area > streams.outline.area
    assert (joined.weight >= streams.weight - 1e-9).all()
    assert (joined.weight > streams.weight + 0.1).any()


def test_thickness_follows_from_the_flux(streams):
    thickness = streams.thickness / streams.total
    assert 0 < thickness[streams.weight > 0.9].min() < thickness.max() < 100
