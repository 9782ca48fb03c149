"""Store, read and integrate the true motion of the twin.

No other module opens `truth.zarr`.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from scipy import ndimage

from gdiv.conventions import DAYS_PER_YEAR
from gdiv.imagery.items import NOTICE
from gdiv.images.arrays import Component
from gdiv.images.sampling import pixel_grid
from gdiv.twin.acquisitions import Acquisition
from gdiv.twin.clock import Clock
from gdiv.twin.distortion import Distortion, Patterns
from gdiv.twin.inputs import require_epsg
from gdiv.twin.mass import mass_balance
from gdiv.twin.motion import advect
from gdiv.twin.world import World

__all__ = [
    "read_truth",
    "true_displacement",
    "true_motion",
    "true_pairs",
    "true_velocity",
    "write_truth",
]

TRUTH = "truth.zarr"
IDENTIFIER_TYPE = "U40"  # longer than any identifier of a scene


def write_truth(folder: Path, world: World, distortions: dict[Acquisition, Distortion]) -> None:
    """Write the velocity and mass of the ice, and the geolocation errors of each scene.

    Parameters
    ----------
    folder : Path
        Folder of the twin.
    world : World
        The world that was rendered.
    distortions : dict
        Geolocation errors of each scene, in the order of the scenes.
    """
    geobox = world.geobox
    ice = world.ice
    balance = mass_balance(ice.vx, ice.vy, ice.thickness, ice.thinning, ice.mask, world.spacing)
    grids = {
        "vx": (ice.vx, "meter/year"),
        "vy": (ice.vy, "meter/year"),
        "elevation": (world.elevation, "meter"),
        "thickness": (ice.thickness, "meter"),
        "thinning": (ice.thinning, "meter/year"),
        "balance": (balance, "meter/year"),
        "along": (ice.along, "1"),
    }
    scenes = list(distortions.values())
    days = [acquisition.day.toordinal() for acquisition in distortions]
    fronts = [world.front.state(day) for day in days]
    names = [acquisition.identifier for acquisition in distortions]
    pixel = {"units": "pixel"}
    truth = xr.Dataset(
        {
            **{
                name: (("y", "x"), world.cut(values), {"units": units})
                for name, (values, units) in grids.items()
            },
            "relief": (("y", "x"), world.patterns.relief, {"units": "1"}),
            "thinning_pattern": (("y", "x"), world.patterns.thinning, {"units": "1"}),
            "shift": (("scene", "component"), np.stack([each.shift for each in scenes]), pixel),
            "relief_shift": (("scene",), [each.relief_shift for each in scenes], pixel),
            "thinning_shift": (("scene",), [each.thinning_shift for each in scenes], pixel),
            "jitter": (("scene", "component", "y"), np.stack([e.jitter for e in scenes]), pixel),
            "front": (("scene",), [front.limit for front in fronts], {"units": "1"}),
            "drift": (("scene", "component"), np.stack([f.drift for f in fronts]), pixel),
            "day": (("scene",), days, {"units": "day"}),
        },
        coords={
            "y": geobox.coordinates["y"].values,
            "x": geobox.coordinates["x"].values,
            "scene": np.array(names, dtype=IDENTIFIER_TYPE),
        },
        attrs={
            "title": f"True motion of the synthetic {world.glacier.label}",
            "description": NOTICE,
            "synthetic": "true",
            "spacing": world.spacing,
            "crs": f"EPSG:{require_epsg(geobox)}",
            **{f"clock_{name}": float(value) for name, value in world.clock._asdict().items()},
        },
    )
    # Zarr format 2 supports fixed-length strings; in format 3 they are not standardised yet.
    truth.to_zarr(folder / TRUTH, mode="w", zarr_format=2, consolidated=False)


def read_truth(folder: Path, like: xr.Dataset | None = None) -> xr.Dataset | None:
    """Read the truth of a twin.

    Parameters
    ----------
    folder : Path
        Folder that holds the items of a source.
    like : xarray.Dataset, optional
        Data whose grid, a part of the twin's, the truth is regridded to; NaN outside the twin.

    Returns
    -------
    xarray.Dataset or None
        With dimensions ``(y, x)``: ``vx``, ``vy`` (m/yr, at mean speed), ``elevation`` and
        ``thickness`` (m), ``thinning`` and surface mass ``balance`` (m/yr), and the patterns of
        the geolocation errors. For each scene: ``shift``, ``relief_shift``, ``thinning_shift`` and
        ``jitter`` (pixels), ``front`` and ``drift`` of the mélange, and ``day``. None if the source
        has no truth, as for all archives of real scenes.
    """
    path = Path(folder) / TRUTH
    if not path.exists():
        return None
    truth = xr.open_zarr(path, consolidated=False).load()
    if like is None:
        return truth
    tolerance = 0.5 * truth.attrs["spacing"]
    return truth.reindex(y=like.y, x=like.x, method="nearest", tolerance=tolerance)


def _clock(truth: xr.Dataset) -> Clock:
    """Time in which the ice of a twin moves."""
    # A truth without a clock is steady.
    return Clock(*(truth.attrs.get(f"clock_{name}", 0.0) for name in Clock._fields))


def _distortion(truth: xr.Dataset, scene: str) -> Distortion:
    """Geolocation errors of a scene."""
    one = truth.sel(scene=scene)
    return Distortion(
        one["shift"].values,
        float(one.relief_shift),
        float(one.thinning_shift),
        one.jitter.transpose("component", "y").values,
    )


def true_motion(truth: xr.Dataset, ice_years: float) -> tuple[Component, Component]:
    """Integrate the motion of the ice under each pixel.

    Parameters
    ----------
    truth : xarray.Dataset
        Truth of a twin, as `read_truth` returns it.
    ice_years : float
        Time at mean speed to integrate over, years.

    Returns
    -------
    u, v : ndarray, shape (H, W)
        Displacement in pixels along columns and rows; NaN outside the truth, and beyond a calving
        front.
    """
    filled = truth.fillna(0)
    columns, rows = pixel_grid((truth.sizes["y"], truth.sizes["x"]), float)
    column, row = advect(
        filled.vx.values,
        filled.vy.values,
        truth.attrs["spacing"],
        columns.ravel(),
        rows.ravel(),
        ice_years,
    )
    has_motion = truth.vx.notnull().values
    if "front" in truth:
        has_motion &= filled.along.values <= float(truth.front.min())
    u = np.where(has_motion, column.reshape(rows.shape) - columns, np.nan)
    v = np.where(has_motion, row.reshape(rows.shape) - rows, np.nan)
    return u, v


def true_velocity(
    truth: xr.Dataset, years: float, period: tuple[str, str] | None = None
) -> xr.Dataset:
    """Compute the mean velocity of the ice that starts at each pixel, over a time interval.

    Parameters
    ----------
    truth : xarray.Dataset
        Truth of a twin, as `read_truth` returns it.
    years : float
        Time to average over. With a longer time, the ice crosses more of the field.
    period : tuple of str, optional
        First and last date, such as ``("2020-08-01", "2021-08-05")``, since the speed varies
        with season and trend. By default the mean speed.

    Returns
    -------
    xarray.Dataset
        ``vx``, ``vy`` in m/yr with dimensions ``(y, x)``.
    """
    factor = 1.0
    if period is not None:
        first, last = (_ordinal(date) for date in period)
        if last > first:
            factor = _clock(truth).ice_years(first, last) / ((last - first) / DAYS_PER_YEAR)
    u, v = true_motion(truth, years * factor)
    rate = truth.attrs["spacing"] / years
    return xr.Dataset(
        {"vx": (("y", "x"), u * rate), "vy": (("y", "x"), -v * rate)},
        coords={"y": truth.y, "x": truth.x},
    )


def _ordinal(date: str) -> float:
    """Ordinal day of a date, with its fraction."""
    timestamp = pd.Timestamp(date)
    return timestamp.toordinal() + (timestamp - timestamp.normalize()).total_seconds() / 86400


def true_pairs(
    truth: xr.Dataset | None, displacements: xr.Dataset
) -> list[tuple[Component, Component]] | None:
    """Integrate the motion of the ice over the time of each pair.

    Parameters
    ----------
    truth : xarray.Dataset or None
        Truth of a twin, as `read_truth` returns it.
    displacements : xarray.Dataset
        Displacements with ``reference_date`` and ``secondary_date`` of each pair.

    Returns
    -------
    list of tuple of ndarray, or None
        `true_motion` of each pair; None without truth.
    """
    if truth is None:
        return None
    clock = _clock(truth)
    dates = zip(
        displacements.reference_date.values, displacements.secondary_date.values, strict=True
    )
    return [true_motion(truth, clock.ice_years(_ordinal(a), _ordinal(b))) for a, b in dates]


def true_displacement(
    truth: xr.Dataset, reference: str, secondary: str
) -> tuple[Component, Component]:
    """Compute the displacement of the image at every pixel between two scenes.

    Unlike `true_motion`, the displacement includes the geolocation errors of both scenes, and the
    drift of ice mélange: ``secondary(x + u, y + v) = reference(x, y)`` holds for the images.

    Parameters
    ----------
    truth : xarray.Dataset
        Truth of a twin, from `read_truth`.
    reference, secondary : str
        Identifiers of two scenes.

    Returns
    -------
    u, v : ndarray of float32, shape (H, W)
        Displacement in pixels along columns and rows; NaN where the surface in the reference is
        lost, such as ice that has calved.
    """
    patterns = Patterns(truth.relief.values, truth.thinning_pattern.values)
    first, second = (truth.sel(scene=scene) for scene in (reference, secondary))
    columns, rows = pixel_grid((truth.sizes["y"], truth.sizes["x"]), float)
    column, row = _distortion(truth, reference).to_world(patterns, columns, rows)
    ice_years = _clock(truth).ice_years(float(first.day), float(second.day))
    moved_column, moved_row = (
        part.reshape(rows.shape)
        for part in advect(
            truth.vx.values,
            truth.vy.values,
            truth.attrs["spacing"],
            column.ravel(),
            row.ravel(),
            ice_years,
        )
    )
    afloat = _position_along(truth, column, row) > float(first.front)
    drift = second.drift.values - first.drift.values
    moved_column = np.where(afloat, column + drift[0], moved_column)
    moved_row = np.where(afloat, row + drift[1], moved_row)
    still_afloat = _position_along(truth, moved_column, moved_row) > float(second.front)
    found = _distortion(truth, secondary).from_world(patterns, moved_column, moved_row)
    flow = np.where(afloat == still_afloat, np.stack(found) - [columns, rows], np.nan)
    return flow[0].astype(np.float32), flow[1].astype(np.float32)


def _position_along(truth: xr.Dataset, columns: Component, rows: Component) -> Component:
    """Position down the streams of points of the world."""
    return ndimage.map_coordinates(truth.along.values, [rows, columns], order=1, mode="nearest")
