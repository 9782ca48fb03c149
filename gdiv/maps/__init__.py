"""Every picture: static figures by matplotlib, and interactive maps with the same limits.

Colours are perceptually uniform and safe for colour-blind readers; speeds share the glacier's limits
from the catalog, so that pictures can be compared.
"""

from gdiv.extras import requires

with requires("maps", "drawing"):
    from gdiv.maps.matching import (
        displacement,
        drawn_pairs,
        error_by_displacement,
        learning,
        pyramid,
        reach,
        tile_comparison,
    )
    from gdiv.maps.motion import (
        comparison,
        differences,
        fewer_pairs,
        glaciers,
        mosaic,
        profile,
        reliability,
        series,
        speed_and_error,
        stakes,
    )
    from gdiv.maps.pages import interactive
    from gdiv.maps.scenes import images, pair_network, site_map, timeline

__all__ = [
    "comparison",
    "differences",
    "displacement",
    "drawn_pairs",
    "error_by_displacement",
    "fewer_pairs",
    "glaciers",
    "images",
    "interactive",
    "learning",
    "mosaic",
    "pair_network",
    "profile",
    "pyramid",
    "reach",
    "reliability",
    "series",
    "site_map",
    "speed_and_error",
    "stakes",
    "tile_comparison",
    "timeline",
]
