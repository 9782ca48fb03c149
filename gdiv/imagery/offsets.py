"""Choose the offset for the digital numbers of a scene.

Since processing baseline 04.00, ESA adds 1000 to every digital number of Sentinel-2. Some archives
remove this offset and set a flag, but flags have been wrong in both directions. The pixels
therefore override the metadata where they are unambiguous: dark ground has values of a few hundred,
and with an added 1000 there are no values below that.
"""

from dataclasses import dataclass
from typing import Literal

__all__ = ["OFFSET", "OFFSET_BASELINE", "OffsetMetadata", "choose_offset"]

#: First processing baseline whose digital numbers include the offset.
OFFSET_BASELINE = "04.00"
#: Reflectance to add to remove the offset: 1000 digital numbers of 0.0001 each.
OFFSET = -0.1
#: Dark pixels below this digital number rule out an offset of 1000, with a margin of 100 for noise.
DARK_WITHOUT_OFFSET = 900
#: If dark pixels are at or above this digital number, an offset of 1000 is included.
DARK_WITH_OFFSET = 1000


@dataclass(frozen=True)
class OffsetMetadata:
    """Fields of an item from which its offset can be derived.

    Attributes
    ----------
    flag : bool or None
        ``earthsearch:boa_offset_applied``: True if the archive has removed the offset. None if the
        item lacks the field.
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
        Rule of the source, from its entry in the catalog. A number is used unchanged.
    dark : float, optional
        First percentile of the scene's valid digital numbers. By default, only the metadata are
        used.

    Returns
    -------
    offset : float
        Offset in reflectance.
    reason : str
        Reason for the choice.

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
        reason = "removed, according to earthsearch:boa_offset_applied"
    elif added:
        offset = OFFSET
        reason = f"baseline {metadata.baseline}"
    else:
        offset = 0.0
        reason = f"baseline {metadata.baseline or 'unknown'}, before {OFFSET_BASELINE}"
    if dark is None:
        return offset, reason
    if offset < 0 and dark < DARK_WITHOUT_OFFSET:
        return 0.0, f"{reason} gives {offset}, but dark pixels near {dark:.0f}: already removed"
    if offset == 0 and added and dark >= DARK_WITH_OFFSET:
        return OFFSET, f"{reason}, but no dark pixel below {dark:.0f}: offset still included"
    return offset, reason
