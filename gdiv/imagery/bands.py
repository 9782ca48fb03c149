"""Find a band of a file by its number or name."""

from collections.abc import Sequence

__all__ = ["find_band", "list_bands"]

#: Names of the near-infrared band in the descriptions of the bands of a file.
NEAR_INFRARED = ("nir", "nir08", "b08", "b8", "b8a", "near infrared", "near-infrared")


def find_band(descriptions: Sequence[str | None], band: str = "") -> int | None:
    """Find a band of a file.

    Parameters
    ----------
    descriptions : sequence of str or None
        Description of each band.
    band : str, optional
        Number from 1, or description; by default near infrared, found by its description.

    Returns
    -------
    int or None
        Number of the band, from 1; None if the file has no such band.

    Examples
    --------
    >>> find_band(["blue", "green", "red", "NIR"])
    4
    >>> find_band(["blue", "green", "red", "NIR"], "red")
    3
    """
    names = [(description or "").strip().lower() for description in descriptions]
    if band.isdecimal():
        return int(band) if 1 <= int(band) <= len(names) else None
    wanted = (band.lower(),) if band else NEAR_INFRARED
    return next((names.index(name) + 1 for name in wanted if name in names), None)


def list_bands(descriptions: Sequence[str | None]) -> str:
    """Format the numbers and descriptions of the bands of a file.

    Parameters
    ----------
    descriptions : sequence of str or None
        Description of each band.

    Returns
    -------
    str
        The bands, separated by commas.

    Examples
    --------
    >>> list_bands(["blue", None])
    '1 blue, 2'
    """
    return ", ".join(f"{n} {text or ''}".strip() for n, text in enumerate(descriptions, 1))
