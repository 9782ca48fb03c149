"""Inspect the pixels of a scene: clear sky, snow, missing data and dark ground."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from odc.geo.geobox import GeoBox

from gdiv.catalog import Source
from gdiv.files import retry, short_message
from gdiv.imagery.assets import load_asset
from gdiv.imagery.classes import SCL_SHADE, classify
from gdiv.imagery.items import SceneItem
from gdiv.imagery.offsets import choose_offset
from gdiv.images.arrays import Mask

__all__ = ["Inspection", "inspect_scene", "reading_fault"]

#: Minimum clear fraction of the glacier.
MIN_CLEAR = 0.7
#: Maximum cloud cover of the whole scene if there is no mask, in percent.
MAX_CLOUD = 15.0
#: Maximum snow-covered fraction of the ground beside the glacier.
MAX_SNOW = 0.5
#: Percentile of the valid digital numbers that represents dark ground.
DARK_PERCENTILE = 1


@dataclass(frozen=True)
class Inspection:
    """Result of inspecting a scene; NaN where nothing was measured.

    Attributes
    ----------
    reason : str
        Reason for dropping the scene; empty if it can be used.
    clear : float
        Clear fraction of the glacier.
    no_data : float
        Fraction of the glacier without data.
    shadow : float
        Fraction of the glacier in shadow.
    snow : float
        Snow-covered fraction of the clear ground beside the glacier.
    dark : float
        First percentile of the valid digital numbers.
    offset : float
        Reflectance to add after scaling.
    offset_reason : str
        Reason for the choice of the offset.
    """

    reason: str = ""
    clear: float = np.nan
    no_data: float = np.nan
    shadow: float = np.nan
    snow: float = np.nan
    dark: float = np.nan
    offset: float = np.nan
    offset_reason: str = ""


def inspect_scene(
    item: dict[str, Any],
    scene: SceneItem,
    source: Source,
    grid: GeoBox,
    glacier_mask: Mask,
    beside_mask: Mask,
    max_cloud: float = MAX_CLOUD,
) -> Inspection:
    """Inspect the pixels of a scene.

    An unreadable scene does not raise an error; it is dropped with a reason.

    Parameters
    ----------
    item : dict
        STAC item of the scene.
    scene : SceneItem
        The same item, parsed.
    source : gdiv.catalog.Source
        Archive of the scene.
    grid : odc.geo.geobox.GeoBox
        Grid on which pixels are read; a coarse grid saves time.
    glacier_mask, beside_mask : ndarray of bool, shape (H, W)
        Glacier and ground beside it, on `grid`.
    max_cloud : float, optional
        Maximum cloud cover of the whole scene in percent, used if it has no mask.

    Returns
    -------
    Inspection
        Statistics, and the reason to drop the scene if there is one.
    """
    try:
        numbers = _read(item, source, "image", grid)
        mask = _read(item, source, "mask", grid) if source.mask in scene.assets else None
    except Exception as error:  # any reader may fail; one bad scene must not end the study
        return Inspection(reason=_reading_failure(error, scene.assets[source.image]))
    valid = np.isfinite(numbers)
    if not valid[glacier_mask].any():
        return Inspection(reason="has no data over the glacier")
    dark = float(np.percentile(numbers[valid], DARK_PERCENTILE))
    offset, offset_reason = choose_offset(scene.offset, source.offset, dark)
    measured = Inspection(
        no_data=float((~valid)[glacier_mask].mean()),
        dark=dark,
        offset=offset,
        offset_reason=offset_reason,
    )
    if mask is None:
        reason = _cloud_reason(scene.cloud_cover or 0, max_cloud)
        data_fraction = 1 - measured.no_data
        if data_fraction < MIN_CLEAR:
            reason = f"only {data_fraction:.0%} of the glacier has data (at least {MIN_CLEAR:.0%})"
        return replace(measured, reason=reason)
    clear, snow, _ = classify(mask, source.mask_kind)
    if source.mask_kind == "scl":
        measured = replace(measured, shadow=float((mask == SCL_SHADE)[glacier_mask].mean()))
    clear_share = float((clear & valid)[glacier_mask].mean())
    ground = beside_mask & clear & valid
    snow_share = float(snow[ground].mean()) if ground.any() else np.nan
    reason = _visibility_reason(clear_share, snow_share)
    return replace(measured, clear=clear_share, snow=snow_share, reason=reason)


def reading_fault(item: dict[str, Any], source: Source, grid: GeoBox) -> str:
    """Return the reason why the image of an item cannot be read.

    Parameters
    ----------
    item : dict
        STAC item.
    source : gdiv.catalog.Source
        Archive of the scene.
    grid : odc.geo.geobox.GeoBox
        Grid on which pixels are read.

    Returns
    -------
    str
        The reason; empty if it can be read.
    """
    try:
        _read(item, source, "image", grid)
    except Exception as error:  # any reader may fail
        return _reading_failure(error, str(item["assets"][source.image]["href"]))
    return ""


def _read(item: dict[str, Any], source: Source, role: str, grid: GeoBox) -> npt.NDArray[Any]:
    """Read the digital numbers of one asset; failed requests are repeated."""
    return retry(load_asset([item], source, role, grid)[0].compute).values


def _reading_failure(error: Exception, link: str) -> str:
    """Reason for a scene whose files cannot be read."""
    reason = f"could not be read ({short_message(error)})"
    if link.startswith("s3://"):
        reason += "; its bucket is requester-pays: set AWS credentials, or use another source"
    return reason


def _cloud_reason(cloud_cover: float, max_cloud: float) -> str:
    """Reason based on the cloud cover of the whole scene, for scenes without a mask."""
    if cloud_cover > max_cloud:
        return (
            f"cloud over {cloud_cover:.0f} % of the scene "
            f"(at most {max_cloud:.0f} %, max_cloud in the catalog; there is no mask)"
        )
    return ""


def _visibility_reason(clear: float, snow: float) -> str:
    """Reason based on the clear and snow-covered fractions; snow may be NaN."""
    if clear < MIN_CLEAR:
        return f"only {clear:.0%} of the glacier is clear (at least {MIN_CLEAR:.0%})"
    if snow > MAX_SNOW:
        return f"snow on {snow:.0%} of the ground beside the glacier (at most {MAX_SNOW:.0%})"
    return ""
