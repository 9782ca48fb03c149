"""Streams of the twin's ice along centrelines, joined into one glacier."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import shapely
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from scipy.interpolate import PchipInterpolator, make_interp_spline
from scipy.spatial import cKDTree

from gdiv.catalog import Branch, TwinDescription
from gdiv.images.arrays import Component, Image, Series
from gdiv.twin.inputs import require_epsg
from gdiv.twin.mass import centre_thickness

__all__ = ["Streams", "join_streams"]

# Unless a source is given, numbers were chosen by eye on the twin of the Mer de Glace.
CENTRELINE_STEP = 20  # m between points of a centreline
MIN_CENTRELINE_POINTS = 200
# Speed falls from the centreline to the margin as 1 - |across|^4: the profile of ice resisted only
# by its walls, with exponent 3 in Glen's law (Cuffey and Paterson 2010, The Physics of Glaciers).
PROFILE_EXPONENT = 4
MIN_PROFILE = 0.15  # of the centreline's speed, so that ice at a margin has a finite age
MIN_TRAVEL_SPEED = 1  # m/yr, so that the travel time down a centreline is finite
# The outline widens and narrows along the centreline, since natural margins are not smooth:
# relative amplitude, length (m) per radian, and phase (radian) of two waves.
LONG_RIPPLE = (0.05, 170, 0)
SHORT_RIPPLE = (0.04, 61, 1)
MIN_WEIGHT = 1e-6  # minimum total weight of all streams, to avoid division by zero

# Debris across a stream, in half widths from the centreline; `d` is the debris of the branch.
CLEAN_WIDTH = 0.95  # where the debris of the margin begins on a stream without debris
CLEAN_LOSS = 0.55  # times d, on both sides
CLEAN_LOSS_RIGHT = 0.45  # times the root of d, on the right
MARGIN_TRANSITION = 0.2  # from clean to covered
MEDIAL_WIDTH = 0.03  # of a medial moraine
MEDIAL_MORAINES = ((-0.3, 1.0), (0.15, 0.5), (0.5, 0.9))  # position, cover
SCATTERED_DEBRIS = 0.3  # cover between the moraines, times d
MARGIN_DEBRIS = 0.85  # cover at the margins


class Streams(NamedTuple):
    """Sums over all streams on the grid, weighted by their profiles of speed."""

    outline: shapely.Geometry
    weight: Image  # sum of the weights
    total: Image  # the same but never zero; divisor of the weighted sums below
    east: Component  # m/yr
    north: Component  # m/yr
    debris: Image
    along: Image  # position down the streams, 0 to 1
    age: Image  # years since the icefall, not weighted; NaN outside streams with ogives
    length: float  # m, of the longest centreline
    thickness: Image  # m


class _Centreline(NamedTuple):
    """One centreline at points down the flow."""

    distance: Series  # m from the first point
    x: Series  # m east
    y: Series  # m north
    tangent_x: Series  # unit vector down the flow
    tangent_y: Series
    half_width: Series  # m
    speed: Series  # m/yr


class _Stream(NamedTuple):
    """One branch on the grid."""

    weight: Image  # 1 on the centreline, 0 at the margin and outside
    along: Image  # position along the centreline, 0 to 1
    east: Component  # m/yr
    north: Component  # m/yr
    age: Image  # years since the first point of the centreline
    debris: Image  # fraction of the surface
    nearest: npt.NDArray[np.intp]  # point of the centreline
    across: Image  # distance from the centreline, half widths, at most 1


def join_streams(twin: TwinDescription, branches: list[Branch], geobox: GeoBox) -> Streams:
    """Sum the streams with weights, so that neighbours blend where they meet.

    Parameters
    ----------
    twin : TwinDescription
        Elevation, snow line and difficulties.
    branches : list of Branch
        Streams: centrelines with half width and speed.
    geobox : GeoBox
        Grid, in metres with rows running south.

    Returns
    -------
    Streams
        Weighted sums of velocity, debris and position on the grid.
    """
    to_grid = Transformer.from_crs(4326, require_epsg(geobox), always_xy=True)
    x = geobox.coordinates["x"].values
    grid = np.meshgrid(x, geobox.coordinates["y"].values)
    polygons = []
    weight = np.zeros(grid[0].shape)
    east = np.zeros_like(weight)
    north = np.zeros_like(weight)
    debris = np.zeros_like(weight)
    along = np.zeros_like(weight)
    thickness = np.zeros_like(weight)
    age = np.full(weight.shape, np.nan)
    length = 0.0
    for branch in branches:
        line = _centreline(branch, to_grid)
        polygons.append(_channel_polygon(line))
        length = max(length, float(line.distance[-1]))
        stream = _stream(line, branch.debris, twin.conditions.margin_slip, *grid)
        depth = centre_thickness(line.distance, line.half_width, line.speed, twin)
        thickness += stream.weight * depth[stream.nearest] * (1 - stream.across**2)
        weight += stream.weight
        east += stream.weight * stream.east
        north += stream.weight * stream.north
        debris += stream.weight * stream.debris
        along += stream.weight * stream.along
        if branch.ogives:
            age = np.where(stream.weight > 0, stream.age, np.nan)
    return Streams(
        outline=shapely.union_all(polygons).buffer(0),
        weight=weight,
        total=np.maximum(weight, MIN_WEIGHT),
        east=east,
        north=north,
        debris=debris,
        along=along,
        age=age,
        length=length,
        thickness=thickness,
    )


def _centreline(branch: Branch, to_grid: Transformer) -> _Centreline:
    """Interpolate the centreline of a branch between the points of the catalog."""
    points = np.array(branch.points)
    x, y = to_grid.transform(points[:, 0], points[:, 1])
    length = np.concatenate([[0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    count = max(MIN_CENTRELINE_POINTS, int(length[-1] / CENTRELINE_STEP))
    distance = np.linspace(0, length[-1], count)
    degree = min(3, len(x) - 1)  # a spline of degree k needs k + 1 points
    line_x, line_y = make_interp_spline(length, np.c_[x, y], k=degree)(distance).T
    # Unlike a spline, PCHIP does not overshoot: widths and speeds stay between the given values.
    half_width = PchipInterpolator(length, points[:, 2])(distance)
    speed = PchipInterpolator(length, points[:, 3])(distance)
    tangent_x = np.gradient(line_x, distance)
    tangent_y = np.gradient(line_y, distance)
    norm = np.hypot(tangent_x, tangent_y)
    return _Centreline(
        distance, line_x, line_y, tangent_x / norm, tangent_y / norm, half_width, speed
    )


def _stream(line: _Centreline, debris: float, slip: float, east: Image, north: Image) -> _Stream:
    """Velocity, age and debris of one branch at the points of the grid.

    Streamlines keep their relative distance from the centreline, so ice converges where the
    channel narrows.
    """
    nearest = _nearest_points(line, east, north)
    tangent_x = line.tangent_x[nearest]
    tangent_y = line.tangent_y[nearest]
    # Distance from the centreline in half widths, positive on the left of the flow.
    offset = (east - line.x[nearest]) * -tangent_y + (north - line.y[nearest]) * tangent_x
    across = offset / line.half_width[nearest]
    inside = (np.abs(across) < 1) & (nearest > 0) & (nearest < len(line.distance) - 1)
    deforming = np.clip(1 - np.abs(across) ** PROFILE_EXPONENT, 0, None)
    profile = slip + (1 - slip) * deforming
    speed = line.speed[nearest] * profile
    # A streamline at a constant fraction of the half width moves sideways as the width changes.
    sideways = speed * across * np.gradient(line.half_width, line.distance)[nearest]
    return _Stream(
        weight=deforming * inside,
        along=nearest / len(line.distance),
        east=speed * tangent_x - sideways * tangent_y,
        north=speed * tangent_y + sideways * tangent_x,
        age=_travel_time(line)[nearest] / np.maximum(profile, MIN_PROFILE),
        debris=_moraines(debris, across),
        nearest=nearest,
        across=np.clip(across, -1, 1),
    )


def _nearest_points(line: _Centreline, east: Image, north: Image) -> npt.NDArray[np.intp]:
    """Index of the point of the centreline nearest to each point of the grid."""
    tree = cKDTree(np.c_[line.x, line.y])
    _, nearest = tree.query(np.c_[east.ravel(), north.ravel()])
    return nearest.reshape(east.shape)


def _travel_time(line: _Centreline) -> Series:
    """Travel time in years from the first point of the centreline to each point."""
    mean_speed = (line.speed[1:] + line.speed[:-1]) / 2
    years = np.diff(line.distance) / np.maximum(mean_speed, MIN_TRAVEL_SPEED)
    return np.concatenate([[0], np.cumsum(years)])


def _channel_polygon(line: _Centreline) -> shapely.Geometry:
    """Outline of one stream, with an undulating margin."""
    ripple = 1 + _wave(line.distance, *LONG_RIPPLE) + _wave(line.distance, *SHORT_RIPPLE)
    east_offset = line.tangent_y * line.half_width
    north_offset = line.tangent_x * line.half_width
    centre = np.c_[line.x, line.y]
    left = np.c_[line.x - east_offset, line.y + north_offset]
    right = np.c_[line.x + east_offset, line.y - north_offset]
    left_bank = centre + (left - centre) * ripple[:, None]
    right_bank = centre + (right - centre) * ripple[:, None]
    return shapely.Polygon(np.concatenate([left_bank, right_bank[::-1]])).buffer(0)


def _wave(distance: Series, amplitude: float, length: float, phase: float) -> Series:
    """Sine along a centreline, of `length` metres per radian."""
    return amplitude * np.sin(distance / length + phase)


def _moraines(debris: float, across: Image) -> Image:
    """Fraction of debris across a stream: medial moraines and margins, wider on the right."""
    clean_width = CLEAN_WIDTH - CLEAN_LOSS * debris - CLEAN_LOSS_RIGHT * debris**0.5 * (across < 0)
    margin = np.clip((np.abs(across) - clean_width) / MARGIN_TRANSITION, 0, 1)
    medial = np.zeros_like(across)
    for position, cover in MEDIAL_MORAINES:
        medial += cover * np.exp(-(((across - position) / MEDIAL_WIDTH) ** 2))
    scattered = SCATTERED_DEBRIS * debris
    return np.clip(scattered + MARGIN_DEBRIS * margin + medial * debris**0.5, 0, 1)
