"""Figures of the study: static ones with matplotlib, and one interactive map with bokeh.

Colour maps are perceptually uniform and safe for colour-blind readers. All speeds of a glacier
share the colour limits of its catalog entry, so that figures can be compared. Colours and labels
of matchers come from `gdiv.flow.matchers.registry`.
"""

from gdiv.extras import requires

with requires("maps", "drawing"):
    from gdiv.figures.benchmark import plot_case, plot_relative_errors
    from gdiv.figures.drawing import draw_outline
    from gdiv.figures.errors import (
        plot_error_by_displacement,
        plot_glaciers,
        plot_reliability,
        plot_subsampling,
    )
    from gdiv.figures.interactive import interactive_map
    from gdiv.figures.learning import plot_drawn_pairs, plot_learning, plot_tiles
    from gdiv.figures.pairs import (
        colour_limit,
        plot_pair,
        plot_pair_network,
        plot_pyramid,
        plot_stripes,
    )
    from gdiv.figures.scenes import plot_images, plot_site, plot_timeline
    from gdiv.figures.stakes import plot_profile, plot_series, plot_stakes
    from gdiv.figures.velocity import (
        plot_differences,
        plot_mosaics,
        plot_speeds,
        plot_velocity,
    )

__all__ = [
    "colour_limit",
    "draw_outline",
    "interactive_map",
    "plot_case",
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
    "plot_relative_errors",
    "plot_reliability",
    "plot_series",
    "plot_site",
    "plot_speeds",
    "plot_stakes",
    "plot_stripes",
    "plot_subsampling",
    "plot_tiles",
    "plot_timeline",
    "plot_velocity",
]
