"""Every picture: static figures by matplotlib, and interactive maps with the same limits.

Colours are perceptually uniform and safe for colour-blind readers; speeds share the glacier's limits
from the catalog, so that pictures can be compared.
"""

from gdiv.extras import requires

with requires("maps", "drawing"):
    from gdiv.figures.interactive import interactive_map
    from gdiv.figures.pairs import (
        colour_limit,
        plot_drawn_pairs,
        plot_error_by_displacement,
        plot_learning,
        plot_pair,
        plot_pyramid,
        plot_tiles,
    )
    from gdiv.figures.scenes import plot_images, plot_pair_network, plot_site, plot_timeline
    from gdiv.figures.velocity import (
        plot_differences,
        plot_glaciers,
        plot_mosaics,
        plot_profile,
        plot_reliability,
        plot_series,
        plot_speed_and_error,
        plot_speeds,
        plot_stakes,
        plot_subsampling,
    )

__all__ = [
    "colour_limit",
    "interactive_map",
    "plot_differences",
    "plot_drawn_pairs",
    "plot_error_by_displacement",
    "plot_glaciers",
    "plot_images",
    "plot_learning",
    "plot_mosaics",
    "plot_pair",
    "plot_pair_network",
    "plot_profile",
    "plot_pyramid",
    "plot_reliability",
    "plot_series",
    "plot_site",
    "plot_speed_and_error",
    "plot_speeds",
    "plot_stakes",
    "plot_subsampling",
    "plot_tiles",
    "plot_timeline",
]
