"""True motion of the twin: stored beside the scenes, read, and integrated over time.

No other module opens `truth.zarr`.
"""

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import ndimage

from gdiv.conventions import DAYS_PER_YEAR
from gdiv.imagery.items import NOTICE
from gdiv.images.arrays import Component, Series
from gdiv.images.sampling import pixel_grid
from gdiv.twin.acquisitions import Acquisition
from gdiv.twin.inputs import require_epsg
from gdiv.twin.motion import advect
from gdiv.twin.world import World

__all__ = [
    "Registration",
    "read_truth",
    "true_displacement",
    "true_motion",
    "true_pairs",
    "true_velocity",
    "write_truth",
]

#: Mis-registration of each scene in pixels: shift (columns, rows) of the whole image, and further
#: shift along columns of the highest ground. In the order of the scenes.
Registration: TypeAlias = dict[Acquisition, tuple[npt.NDArray[np.floating[Any]], float]]

TRUTH = "truth.zarr"
IDENTIFIER_TYPE = "U40"  # longer than any identifier of a scene


def write_truth(folder: Path, world: World, registration: Registration) -> None:
    """Write the velocity of the ice and the mis-registration of each scene.

    Parameters
    ----------
    folder : Path
        Folder of the twin.
    world : World
        The world that was rendered.
    registration : dict
        Mis-registration of each scene.
    """
    geobox = world.geobox
    vx, vy = world.scene_velocity()
    units = {"units": "meter/year"}
    shifts = np.stack([shift for shift, _ in registration.values()])
    relief_shifts = [relief_shift for _, relief_shift in registration.values()]
    days = [acquisition.day.toordinal() for acquisition in registration]
    names = [acquisition.identifier for acquisition in registration]
    truth = xr.Dataset(
        {
            "vx": (("y", "x"), vx, units),
            "vy": (("y", "x"), vy, units),
            "relief": (("y", "x"), world.relief_pattern, {"units": "1"}),
            "shift": (("scene", "component"), shifts, {"units": "pixel"}),
            "relief_shift": (("scene",), relief_shifts, {"units": "pixel"}),
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
        },
    )
    # Format 2 has fixed-length strings; format 3 has no agreed ones yet.
    truth.to_zarr(folder / TRUTH, mode="w", zarr_format=2, consolidated=False)


def read_truth(folder: Path, like: xr.Dataset | None = None) -> xr.Dataset | None:
    """Read the truth of a twin.

    Parameters
    ----------
    folder : Path
        Folder that holds the items of a source.
    like : xarray.Dataset, optional
        Data whose grid, a part of the twin's, the truth is brought to. NaN outside the twin.

    Returns
    -------
    xarray.Dataset or None
        ``vx``, ``vy`` (m/yr) and ``relief`` with dimensions ``(y, x)``; ``shift``,
        ``relief_shift`` (pixels) and ``day`` for each scene. None where the source has no truth,
        as every archive of real scenes.
    """
    path = Path(folder) / TRUTH
    if not path.exists():
        return None
    truth = xr.open_zarr(path, consolidated=False).load()
    if like is None:
        return truth
    tolerance = 0.5 * truth.attrs["spacing"]
    return truth.reindex(y=like.y, x=like.x, method="nearest", tolerance=tolerance)


def true_motion(truth: xr.Dataset, years: float) -> tuple[Component, Component]:
    """Integrate the motion of the ice under each pixel.

    Parameters
    ----------
    truth : xarray.Dataset
        Truth of a twin, as `read_truth` returns it.
    years : float
        Time to integrate over.

    Returns
    -------
    u, v : ndarray, shape (H, W)
        Displacement in pixels along columns and rows; NaN outside the truth.
    """
    filled = truth.fillna(0)
    columns, rows = pixel_grid((truth.sizes["y"], truth.sizes["x"]), float)
    column, row = advect(
        filled.vx.values,
        filled.vy.values,
        truth.attrs["spacing"],
        columns.ravel(),
        rows.ravel(),
        years,
    )
    inside = truth.vx.notnull().values
    u = np.where(inside, column.reshape(rows.shape) - columns, np.nan)
    v = np.where(inside, row.reshape(rows.shape) - rows, np.nan)
    return u, v


def true_velocity(truth: xr.Dataset, years: float) -> xr.Dataset:
    """Mean velocity of the ice from each pixel on, as a displacement over that time measures it.

    Parameters
    ----------
    truth : xarray.Dataset
        Truth of a twin, as `read_truth` returns it.
    years : float
        Time to average over.

    Returns
    -------
    xarray.Dataset
        ``vx``, ``vy`` in m/yr with dimensions ``(y, x)``.
    """
    u, v = true_motion(truth, years)
    rate = truth.attrs["spacing"] / years
    return xr.Dataset(
        {"vx": (("y", "x"), u * rate), "vy": (("y", "x"), -v * rate)},
        coords={"y": truth.y, "x": truth.x},
    )


def true_pairs(
    truth: xr.Dataset | None, displacements: xr.Dataset
) -> list[tuple[Component, Component]] | None:
    """Integrate the motion of the ice over the time of each pair.

    Parameters
    ----------
    truth : xarray.Dataset or None
        Truth of a twin, as `read_truth` returns it.
    displacements : xarray.Dataset
        Displacements with the time of each pair in ``years``.

    Returns
    -------
    list of tuple of ndarray, or None
        `true_motion` of each pair; None without truth.
    """
    if truth is None:
        return None
    return [true_motion(truth, float(years)) for years in displacements.years]


def true_displacement(
    truth: xr.Dataset, reference: str, secondary: str
) -> tuple[Component, Component]:
    """Displacement of the image at every pixel between two scenes.

    Unlike `true_motion`, the displacement includes the mis-registration of both scenes:
    ``secondary(x + u, y + v) = reference(x, y)`` holds for the images.

    Parameters
    ----------
    truth : xarray.Dataset
        Truth of a twin, as `read_truth` returns it.
    reference, secondary : str
        Identifiers of two scenes.

    Returns
    -------
    u, v : ndarray of float32, shape (H, W)
        Displacement in pixels along columns and rows.
    """
    first = truth.sel(scene=reference)
    second = truth.sel(scene=secondary)
    years = float(second.day - first.day) / DAYS_PER_YEAR
    relief = truth.relief.values
    columns, rows = pixel_grid((truth.sizes["y"], truth.sizes["x"]), int)
    # A pixel q of a scene shows the world at q - shift - relief_shift * relief(q).
    column: Series = columns - float(first["shift"][0]) - float(first.relief_shift) * relief
    row: Series = rows - float(first["shift"][1])
    column, row = advect(
        truth.vx.values, truth.vy.values, truth.attrs["spacing"], column.ravel(), row.ravel(), years
    )
    column = column.reshape(relief.shape)
    row = row.reshape(relief.shape)
    # The equation for q is implicit in the secondary; one step solves it, as relief is smooth.
    lift = ndimage.map_coordinates(relief, [row, column], order=1, mode="nearest")
    u = column + float(second["shift"][0]) + float(second.relief_shift) * lift - columns
    v = row + float(second["shift"][1]) - rows
    return u.astype(np.float32), v.astype(np.float32)
