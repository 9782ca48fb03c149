"""Decide which offset the digital numbers of a scene need.

From processing baseline 04.00 on, ESA adds 1000 to every digital number of Sentinel-2. Some
archives take that out again and flag it, and flags have been wrong in both directions. The pixels
therefore overrule the metadata where they are clear: dark ground has numbers of a few hundred, and
an added 1000 leaves none below that.
"""

from dataclasses import dataclass
from typing import Literal

__all__ = ["OFFSET", "OFFSET_BASELINE", "OffsetMetadata", "choose_offset"]

#: First processing baseline whose digital numbers include the offset.
OFFSET_BASELINE = "04.00"
#: What takes the offset out again, in reflectance: 1000 digital numbers of 0.0001 each.
OFFSET = -0.1
#: Dark pixels below this digital number exclude an offset of 1000, with 100 to spare for noise.
DARK_WITHOUT_OFFSET = 900
#: Dark pixels from this digital number on show that an offset of 1000 is included.
DARK_WITH_OFFSET = 1000


@dataclass(frozen=True)
class OffsetMetadata:
    """Fields of an item from which its offset can be derived.

    Attributes
    ----------
    flag : bool or None
        ``earthsearch:boa_offset_applied``: True if the archive has taken the offset out. None if
        the item lacks it.
    baseline : str or None
        ``s2:processing_baseline``, such as "05.09".
    raster : float or None
        Offset of the image asset in ``raster:bands``, in reflectance.
    """

    flag: bool | None = None
    baseline: str | None = None
    raster: float | None = None


def choose_offset(
    metadata: OffsetMetadata,
    rule: Literal["flag", "baseline", "raster"] | float,
    dark: float | None = None,
) -> tuple[float, str]:
    """Choose the reflectance to add after scaling.

    Parameters
    ----------
    metadata : OffsetMetadata
        Fields of the item.
    rule : {"flag", "baseline", "raster"} or float
        Rule of the source, from its entry in the catalog. A number is taken as it is.
    dark : float, optional
        First percentile of the scene's valid digital numbers. If left out, the metadata decide
        alone.

    Returns
    -------
    offset : float
        In reflectance.
    reason : str
        What decided.

    Examples
    --------
    >>> choose_offset(OffsetMetadata(baseline="05.09"), "baseline")
    (-0.1, 'baseline 05.09')
    >>> choose_offset(OffsetMetadata(baseline="05.09"), "baseline", dark=150)[0]
    0.0
    """
    if not isinstance(rule, str):
        return rule, "fixed by the source"
    added = (metadata.baseline or "") >= OFFSET_BASELINE
    if rule == "raster" and metadata.raster is not None:
        offset = float(metadata.raster)
        reason = "the asset's raster:bands"
    elif rule == "flag" and metadata.flag:
        offset = 0.0
        reason = "removed, by earthsearch:boa_offset_applied"
    elif added:
        offset = OFFSET
        reason = f"baseline {metadata.baseline}"
    else:
        offset = 0.0
        reason = f"baseline {metadata.baseline or 'unknown'}, before {OFFSET_BASELINE}"
    if dark is None:
        return offset, reason
    if offset < 0 and dark < DARK_WITHOUT_OFFSET:
        return 0.0, f"{reason} gives {offset}, but dark pixels near {dark:.0f} show it is out"
    if offset == 0 and added and dark >= DARK_WITH_OFFSET:
        return OFFSET, f"{reason}, but no dark pixel under {dark:.0f} shows it is in"
    return offset, reason
