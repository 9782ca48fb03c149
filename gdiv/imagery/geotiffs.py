"""Two images on one grid, from files or arrays, without a catalog."""

import warnings
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from odc.geo.geobox import GeoBox

from gdiv.imagery.dates import date_in_name
from gdiv.imagery.grid import grid_crs
from gdiv.imagery.masks import MARGIN, make_masks
from gdiv.imagery.outlines import VectorError, polygon_parts, read_polygons
from gdiv.imagery.pixel_checks import crs_name
from gdiv.imagery.projection import map_scale
from gdiv.imagery.single_image import NEAR_INFRARED, PairError, Picture, open_image

__all__ = ["PairError", "open_pair"]

#: Maximum offset between the grids of two images that counts as rounding, in pixels.
GRID_TOLERANCE = 0.01
#: Hint for error messages about dates.
DATES_HINT = 'give dates=("2020-08-03", "2021-08-08"), or --dates 2020-08-03 2021-08-08'
#: Any date accepted by `pandas.Timestamp`, except numbers.
Date: TypeAlias = str | datetime | np.datetime64


def open_pair(
    reference: Picture,
    secondary: Picture,
    *,
    outline: str | Path | gpd.GeoDataFrame | None = None,
    stable: str | Path | gpd.GeoDataFrame | None = None,
    dates: tuple[Date, Date] | None = None,
    margin: float = MARGIN,
    band: int | str | None = None,
    nodata: float | None = None,
    geobox: GeoBox | None = None,
) -> xr.Dataset:
    """Open two images of the same area as a pair that can be matched.

    Parameters
    ----------
    reference, secondary : path, xarray.DataArray or ndarray of shape (H, W)
        The earlier and the later image. Files may be of any format that GDAL reads. Both must be on
        one grid of square pixels in a projected CRS in metres with true scale; images that cover
        different areas of this grid are cropped to their common area.
    outline : path or geopandas.GeoDataFrame, optional
        Polygons of the ice or other moving terrain. Ground outside them counts as stable and is
        used to register the images and to estimate errors.
    stable : path or geopandas.GeoDataFrame, optional
        Polygons of stable ground, without water and other glaciers; ice inside `outline` is
        excluded. Without `outline` and `stable`, the images are not registered.
    dates : tuple of two dates, optional
        Dates as strings, datetimes or Timestamps. By default, they are read from the coordinate
        ``time`` of DataArrays or from file names.
    margin : float, optional
        Minimum distance of stable ground from the ice, in metres. The default of 100 m suits pixels
        of 10 m and outlines that are some years old. A larger value leaves less stable ground.
    band : int or str, optional
        Number of the band of the files, from 1, or its description. By default near infrared, which
        is best on ice, if a description says so, otherwise the first band.
    nodata : float, optional
        Value of pixels without data; by default that of the file.
    geobox : odc.geo.geobox.GeoBox, optional
        Grid of images given as NumPy arrays.

    Returns
    -------
    xarray.Dataset
        ``reference`` and ``secondary``, float32 ``(y, x)``, NaN where there is no data; with
        `outline`, the mask ``glacier``; with `outline` or `stable`, the mask ``stable``.
        Coordinate ``map_scale``, map distance per ground distance. Attributes:
        ``reference_date``, ``secondary_date``, ``spacing`` (m), ``crs`` (WKT).

    Raises
    ------
    PairError
        If a file cannot be read, dates are missing or in the wrong order, or the grids differ.

    See Also
    --------
    gdiv.velocity_from_pair : Compute the velocity between the two images.

    Examples
    --------
    >>> from affine import Affine
    >>> grid = GeoBox((64, 64), Affine(10, 0, 340000, 0, -10, 5090000), "EPSG:32632")
    >>> images = np.random.default_rng(0).normal(size=(2, 64, 64))
    >>> pair = open_pair(*images, geobox=grid, dates=("2020-08-01", "2021-08-01"))
    >>> pair.sizes["x"], pair.attrs["spacing"]
    (64, 10.0)
    """
    images = [open_image(image, band, nodata, geobox) for image in (reference, secondary)]
    described = {image.attrs.pop(NEAR_INFRARED) for image in images}
    if described >= {True, False}:
        raise PairError(
            "only one of the images has a band described as near infrared; choose the band of both "
            "by its number: band=N, or --band N"
        )
    first, second = _on_common_grid(*images)
    start, end = _pair_dates((reference, secondary), dates)
    grid = first.odc.geobox
    pair = xr.Dataset({"reference": first, "secondary": second.drop_vars("spatial_ref")})
    if outline is not None or stable is not None:
        masks = _make_masks(outline, stable, grid, margin)
        for name, mask in masks.items():
            pair[name] = (("y", "x"), mask.values, mask.attrs)
    return pair.assign_coords(map_scale=map_scale(grid).variable).assign_attrs(
        reference_date=start.isoformat(),
        secondary_date=end.isoformat(),
        spacing=float(abs(grid.resolution.x)),
        crs=grid_crs(grid).to_wkt(),
    )


def _on_common_grid(first: xr.DataArray, second: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Both images cropped to their common area."""
    one = first.odc.geobox
    two = second.odc.geobox
    if one.crs != two.crs:
        raise PairError(
            f"the images are in {crs_name(one)} and {crs_name(two)}; reproject both to one CRS: "
            f"gdalwarp -t_srs {crs_name(one)} in.tif out.tif"
        )
    spacing = abs(one.resolution.x)
    if abs(spacing - abs(two.resolution.x)) > GRID_TOLERANCE * spacing / max(one.shape):
        raise PairError(
            f"the images have pixels of {spacing:g} and {abs(two.resolution.x):g} m; resample both "
            f"to one size: gdalwarp -tr {spacing:g} {spacing:g} in.tif out.tif"
        )
    shift_x = (two.affine.c - one.affine.c) / spacing
    shift_y = (one.affine.f - two.affine.f) / spacing
    column = round(shift_x)
    row = round(shift_y)
    if max(abs(shift_x - column), abs(shift_y - row)) > GRID_TOLERANCE:
        raise PairError(
            f"the grids of the images differ by a fraction of a pixel ({shift_x % 1:.2f}, "
            f"{shift_y % 1:.2f}); resample both with: gdalwarp -tap -tr {spacing:g} {spacing:g}"
        )
    height = min(one.height, row + two.height)
    width = min(one.width, column + two.width)
    top = max(row, 0)
    left = max(column, 0)
    if height - top < 2 or width - left < 2:
        raise PairError("the images do not overlap; check their CRS and position")
    cropped = first.isel(y=slice(top, height), x=slice(left, width))
    other = second.isel(y=slice(top - row, height - row), x=slice(left - column, width - column))
    return cropped, other.assign_coords(y=cropped.y, x=cropped.x)


def _pair_dates(
    images: tuple[Picture, Picture], dates: tuple[Date, Date] | None
) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Dates of both images, in the order reference, secondary."""
    given = tuple(_date_of(image) for image in images) if dates is None else tuple(dates)
    if len(given) != 2:
        raise PairError(f"two dates are needed, got {len(given)}; {DATES_HINT}")
    start, end = (_parse_date(date) for date in given)
    if start >= end:
        raise PairError(
            f"the reference ({start:%Y-%m-%d}) must be earlier than the secondary "
            f"({end:%Y-%m-%d}); swap the images, or give the dates of both in their order"
        )
    return start, end


def _parse_date(date: Any) -> pd.Timestamp:
    """Parse a date as UTC without a time zone; numbers and empty values raise an error."""
    if date is None or isinstance(date, int | float):
        raise PairError(f"{date!r} is not a date; {DATES_HINT}")
    try:
        parsed = pd.Timestamp(date)
    except ValueError:
        raise PairError(f"{date!r} is not a date; {DATES_HINT}") from None
    if pd.isna(parsed):
        raise PairError(f"{date!r} is not a date; {DATES_HINT}")
    return parsed.tz_convert(None) if parsed.tzinfo else parsed


def _date_of(image: Picture) -> Any:
    """Date in the coordinate ``time`` of a DataArray, or in the name of a file."""
    if isinstance(image, xr.DataArray) and "time" in image.coords and image.time.size == 1:
        return image.time.values.ravel()[0]
    if not isinstance(image, str | Path):
        raise PairError(f"arrays have no dates; {DATES_HINT}")
    date: datetime | None = date_in_name(Path(image).stem)
    if date is None:
        raise PairError(f"{Path(image).name} has no date in its name; {DATES_HINT}")
    return date


def _make_masks(
    outline: str | Path | gpd.GeoDataFrame | None,
    stable: str | Path | gpd.GeoDataFrame | None,
    grid: GeoBox,
    margin: float,
) -> xr.Dataset:
    """Masks of the ice, where there is an outline, and of stable ground."""
    ground = None if stable is None else _read_polygons(stable, grid, "stable ground")
    if outline is not None:
        masks = make_masks(_read_polygons(outline, grid, "outline"), grid, margin, ground)
    else:
        nothing = gpd.GeoDataFrame(geometry=[], crs=grid_crs(grid).to_wkt())
        masks = make_masks(nothing, grid, margin, ground)[["stable"]]
    if not masks.stable.any():
        warnings.warn(
            f"no pixel is farther than {margin:g} m from the ice and stable, so the images are "
            f"not registered; pass a smaller margin",
            stacklevel=3,
        )
    return masks


def _read_polygons(source: str | Path | gpd.GeoDataFrame, grid: GeoBox, kind: str) -> Any:
    """Polygons in the CRS of a grid, of which at least one lies within it."""
    if isinstance(source, gpd.GeoDataFrame):
        if source.crs is None:
            raise PairError(f"the {kind} has no CRS; assign one, for example with set_crs(4326)")
        polygons = polygon_parts(source, grid)
    else:
        try:
            polygons = read_polygons(source, kind, grid)
        except VectorError as error:
            raise PairError(f"the {error}") from None
        except Exception as error:  # each driver raises its own errors
            raise PairError(f"the {kind} {source} could not be read: {error}") from None
    if not polygons.intersects(shapely.box(*grid.boundingbox)).any():
        raise PairError(f"the {kind} has no polygon within the images; check its CRS and position")
    return polygons
