"""Derive the source of an ItemCollection file from its items."""

import json
from pathlib import Path
from typing import Any

from gdiv.catalog import Source
from gdiv.files import read_text
from gdiv.imagery.items import ALIGNED, ItemError, read_scaling

__all__ = ["adapt_to_items"]

#: Assets that can be matched, in order of preference: the asset written by `gdiv items`; near
#: infrared, with most texture on ice; and Landsat's panchromatic band, with the smallest pixels.
IMAGE_ASSETS = (
    "image",
    "nir",
    "nir08",
    "B08",
    "B8A",
    "pan",
    "B8",
    "red",
    "B04",
    "B4",
    "green",
    "B03",
)


def adapt_to_items(source: Source, path: Path) -> Source:
    """Adapt the image asset, scale and colours of a source to the items of a file.

    Parameters
    ----------
    source : gdiv.catalog.Source
        Source whose asset names are expected.
    path : Path
        ItemCollection.

    Returns
    -------
    gdiv.catalog.Source
        If any item has the image asset of the source, the source with the scale stated by the
        items. Otherwise, the image is the first of `IMAGE_ASSETS` that every item has, with the
        scale and offset of this asset, and with the colours and mask that every item has.
    """
    try:
        features = json.loads(read_text(path))["features"]
        listed = [item.get("assets") for item in features if isinstance(item, dict)]
    except (ValueError, KeyError, TypeError, RecursionError):
        return source  # the fault is reported when the scenes are read
    properties = [item.get("properties") for item in features if isinstance(item, dict)]
    if properties and all(isinstance(p, dict) and p.get(ALIGNED) is True for p in properties):
        source = source.model_copy(update={"aligned": True})
    assets = [each for each in listed if isinstance(each, dict) and each]
    if not assets:
        return source
    named = [each[source.image] for each in assets if source.image in each]
    if named:
        return source.model_copy(update={"scale": _scaling(named[0])[0] or source.scale})
    common = set.intersection(*(set(each) for each in assets))
    image = next((name for name in IMAGE_ASSETS if name in common), None)
    if image is None:
        return source
    scale, offset = _scaling(assets[0][image])
    return source.model_copy(
        update={
            "image": image,
            "colour": {role: name for role, name in source.colour.items() if name in common},
            "mask": source.mask if source.mask in common else None,
            "scale": scale or source.scale,
            "offset": source.offset if offset is None else offset,
        }
    )


def _scaling(asset: Any) -> tuple[float | None, float | None]:
    """Scale and offset stated by an asset; None where there is no valid one."""
    try:
        return read_scaling(asset)
    except ItemError:
        return None, None
