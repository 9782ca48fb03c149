"""Checked inputs of a twin, and the keys of its random generators.

Each generator is seeded with the twin's seed and one of the keys below, so that changing one part
of the twin leaves the random draws of the other parts unchanged.
"""

from odc.geo.geobox import GeoBox

from gdiv.catalog import Glacier, TwinDescription

__all__ = [
    "FRONT_KEY",
    "ICE_KEY",
    "PLAN_KEY",
    "SCENE_KEY",
    "SHIFT_KEY",
    "WORLD_KEY",
    "require_description",
    "require_epsg",
]

#: Key of the generator that draws the dates and the clouds of the acquisitions.
PLAN_KEY = 1
#: Key of the generator that draws relief and textures.
WORLD_KEY = 2
#: Key of the generators that draw weather and noise; the day of the scene is a third key.
SCENE_KEY = 3
#: Key of the generator that draws the mis-registration of the scenes.
SHIFT_KEY = 4
#: Key of the generator that varies the speeds and widths of the ice.
ICE_KEY = 5
#: Key of the generator that draws the ice mélange beyond a calving front.
FRONT_KEY = 6


def require_description(glacier: Glacier) -> TwinDescription:
    """Return the description of a glacier's twin.

    Parameters
    ----------
    glacier : Glacier
        Entry of the catalog.

    Returns
    -------
    TwinDescription
        Streams, elevation, relief and season years of the twin.

    Raises
    ------
    ValueError
        If the catalog has no description of a twin of this glacier.
    """
    if glacier.twin is None:
        raise ValueError(
            f"{glacier.label} has no twin description in data_catalog.yaml; "
            "name a source of real scenes instead"
        )
    return glacier.twin


def require_epsg(geobox: GeoBox) -> int:
    """Return the EPSG code of a grid.

    Parameters
    ----------
    geobox : GeoBox
        Grid of the study.

    Returns
    -------
    int
        Code of the projected coordinate reference system.

    Raises
    ------
    ValueError
        If the grid has no coordinate reference system, or one without a code.
    """
    epsg = None if geobox.crs is None else geobox.crs.epsg
    if epsg is None:
        raise ValueError(f"the grid of a twin must have an EPSG code, got {geobox.crs}")
    return epsg
