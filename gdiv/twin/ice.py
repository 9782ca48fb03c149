"""Where the twin's ice lies and how it moves: streams along centre lines, joined, and material carried by them."""

import numpy as np
import shapely
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from rasterio import features
from scipy import ndimage
from scipy.interpolate import PchipInterpolator, make_interp_spline
from scipy.spatial import cKDTree


class Ice:
    """Geometry and motion of the twin's ice on a grid: mask, velocity, elevation, stream coordinates."""

    def __init__(self, glacier, geobox: GeoBox):
        self.spacing = abs(geobox.resolution.x)
        x, y = (geobox.coordinates[axis].values for axis in ("x", "y"))
        self.east, self.north = np.meshgrid(x, y)
        to_grid = Transformer.from_crs(4326, geobox.crs.epsg, always_xy=True)
        weight_sum = np.zeros(self.east.shape)
        speed_east, speed_north = np.zeros_like(weight_sum), np.zeros_like(weight_sum)
        outline, self.debris, self.born = (
            [],
            np.zeros_like(weight_sum),
            np.full(weight_sum.shape, np.nan),
        )
        self.head_distance = np.zeros_like(weight_sum)
        for branch in glacier.twin.branches:
            stream = _stream(branch, to_grid, self.east, self.north)
            outline.append(stream["polygon"])
            weight = np.clip(1 - stream["across"] ** 4, 0, None) * stream["inside"]
            speed_east += weight * stream["east"]
            speed_north += weight * stream["north"]
            weight_sum += weight
            self.debris += weight * stream["debris"]
            self.head_distance += weight * stream["along"]
            if branch.ogives:
                self.born = np.where(weight > 0, stream["age"], np.nan)
        self.outline = shapely.union_all(outline).buffer(0)
        self.mask = features.rasterize(
            [self.outline], geobox.shape, transform=geobox.affine
        ).astype(bool)
        total = np.maximum(weight_sum, 1e-6)
        # Sideways drag: ice at a margin of the whole glacier is slow, at the seam of two streams it is not.
        inside = ndimage.distance_transform_edt(self.mask) * self.spacing
        margin = 1 - np.clip(1 - inside / 220, 0, 1) ** 2.5
        smooth = 60 / self.spacing
        self.vx, self.vy = (
            ndimage.gaussian_filter(np.where(self.mask, part / total * margin, 0), smooth)
            * self.mask
            for part in (speed_east, speed_north)
        )
        self.debris = ndimage.gaussian_filter(self.debris / total, 2) * self.mask
        self.edge = ndimage.gaussian_filter(self.mask.astype(np.float32), 0.7)
        foot, head = glacier.twin.elevation
        along = np.where(weight_sum > 0, self.head_distance / total, 0)
        nearest = ndimage.distance_transform_edt(
            weight_sum <= 0, return_distances=False, return_indices=True
        )
        self.elevation = ndimage.gaussian_filter(
            head - (head - foot) * along[tuple(nearest)], 300 / self.spacing
        )
        self.distance = ndimage.distance_transform_edt(~self.mask) * self.spacing

    def advect(
        self, column: np.ndarray, row: np.ndarray, years: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Where the points `(column, row)` of the grid are `years` later (earlier if negative), in pixels."""
        return advect(self.vx, self.vy, self.spacing, column, row, years)


def advect(vx, vy, spacing, column, row, years):
    """Carry points through a steady velocity field (m/yr, north up) by fourth-order Runge-Kutta; pixels."""
    fastest = float(np.hypot(vx, vy).max()) / spacing
    steps = max(2, int(np.ceil(abs(years) * fastest)))
    step = years / steps / spacing

    def velocity(c, r):
        u = ndimage.map_coordinates(vx, [r, c], order=1, mode="nearest")
        v = ndimage.map_coordinates(vy, [r, c], order=1, mode="nearest")
        return step * u, -step * v

    column, row = column.astype(np.float64), row.astype(np.float64)
    for _ in range(steps):
        u1, v1 = velocity(column, row)
        u2, v2 = velocity(column + u1 / 2, row + v1 / 2)
        u3, v3 = velocity(column + u2 / 2, row + v2 / 2)
        u4, v4 = velocity(column + u3, row + v3)
        column = column + (u1 + 2 * u2 + 2 * u3 + u4) / 6
        row = row + (v1 + 2 * v2 + 2 * v3 + v4) / 6
    return column, row


def _stream(branch, to_grid, east, north):
    """One branch in stream coordinates: position along (0..1) and across (-1..1) its centre line, and velocity.

    Streamlines keep their relative distance from the centre line, so ice converges where the channel
    narrows; the speed falls towards the margin as the fourth power of that distance.
    """
    points = np.array(branch.points)
    px, py = to_grid.transform(points[:, 0], points[:, 1])
    length = np.concatenate([[0], np.cumsum(np.hypot(np.diff(px), np.diff(py)))])
    fine = np.linspace(0, length[-1], max(200, int(length[-1] / 20)))
    cx, cy = make_interp_spline(length, np.c_[px, py], k=min(3, len(px) - 1))(fine).T
    width, speed = (PchipInterpolator(length, points[:, column])(fine) for column in (2, 3))
    tangent_x, tangent_y = np.gradient(cx, fine), np.gradient(cy, fine)
    norm = np.hypot(tangent_x, tangent_y)
    tangent_x, tangent_y = tangent_x / norm, tangent_y / norm
    _, nearest = cKDTree(np.c_[cx, cy]).query(np.c_[east.ravel(), north.ravel()])
    nearest = nearest.reshape(east.shape)
    offset = (east - cx[nearest]) * -tangent_y[nearest] + (north - cy[nearest]) * tangent_x[nearest]
    across = offset / width[nearest]
    ends = (nearest > 0) & (nearest < len(fine) - 1)
    profile = np.clip(1 - np.abs(across) ** 4, 0, None)
    along_speed = speed[nearest] * profile
    sideways = along_speed * across * np.gradient(width, fine)[nearest]
    travel = np.concatenate(
        [[0], np.cumsum(np.diff(fine) / np.maximum((speed[1:] + speed[:-1]) / 2, 1))]
    )
    left, right = (
        np.c_[cx - tangent_y * width, cy + tangent_x * width],
        np.c_[cx + tangent_y * width, cy - tangent_x * width],
    )
    ripple = 1 + 0.05 * np.sin(fine / 170) + 0.04 * np.sin(fine / 61 + 1)
    centre = np.c_[cx, cy]
    polygon = shapely.Polygon(
        np.concatenate(
            [
                centre + (left - centre) * ripple[:, None],
                (centre + (right - centre) * ripple[:, None])[::-1],
            ]
        )
    )
    return {
        "inside": (np.abs(across) < 1) & ends,
        "across": across,
        "along": nearest / len(fine),
        "east": along_speed * tangent_x[nearest] - sideways * tangent_y[nearest],
        "north": along_speed * tangent_y[nearest] + sideways * tangent_x[nearest],
        "age": travel[nearest] / np.maximum(profile, 0.15),
        "debris": _moraines(branch, across),
        "polygon": polygon.buffer(0),
    }


def _moraines(branch, across):
    """Share of debris across a stream (-1 right bank, 1 left): medial moraines and margins, wider on the right."""
    covered = 0.95 - 0.55 * branch.debris - 0.45 * branch.debris**0.5 * (across < 0)
    margin = np.clip((np.abs(across) - covered) / 0.2, 0, 1)
    stripes = sum(
        strength * np.exp(-(((across - place) / 0.03) ** 2))
        for place, strength in ((-0.3, 1.0), (0.15, 0.5), (0.5, 0.9))
    )
    return np.clip(0.3 * branch.debris + 0.85 * margin + stripes * branch.debris**0.5, 0, 1)
