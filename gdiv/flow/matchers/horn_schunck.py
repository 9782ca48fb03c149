"""Multi-level Horn-Schunck, by `gdiv.flow.horn_schunck`."""

import math

import numpy as np

from gdiv.flow.horn_schunck.blocks import solve_in_blocks
from gdiv.flow.horn_schunck.solver import DEFAULT, Settings, solve_horn_schunck
from gdiv.images.arrays import Component, Image, Mask

__all__ = ["MATCHER"]

#: Maximum number of pixels solved at once, in about 3 GB of memory; larger images need blocks.
MAX_WHOLE = 1536**2
#: Blocks solved in parallel.
WORKERS = 2


class HornSchunck:
    """Global smoothness and constant local contrast (Horn and Schunck 1981)."""

    name = "horn-schunck"
    label = "Horn-Schunck"
    colour = "#0072B2"
    reach = math.inf
    cost = 10.0
    needs = ()

    def match(
        self,
        reference: Image,
        secondary: Image,
        *,
        settings: Settings | None = None,
        regions: Mask | None = None,
    ) -> tuple[Component, Component]:
        """Solve for the displacement.

        Parameters
        ----------
        reference, secondary : ndarray, shape (H, W)
            The earlier and the later image; NaN is no data.
        settings : Settings, optional
            Settings of the solver; `gdiv.flow.horn_schunck.solver.DEFAULT` by default.
        regions : ndarray of bool, shape (H, W), optional
            Pixels inside and outside are matched independently, so that smoothing does not mix the
            motion of ice and stable ground.

        Returns
        -------
        u, v : ndarray, shape (H, W)
            Displacement along columns and along rows, in pixels.
        """
        settings = settings or DEFAULT

        def solve(mask: Mask | None) -> tuple[Component, Component]:
            # Other features are scaled by the whole image.
            if reference.size <= MAX_WHOLE or settings.feature != "contrast":
                return solve_horn_schunck(reference, secondary, settings, mask)
            return solve_in_blocks(reference, secondary, settings, mask, workers=WORKERS)

        if regions is None:
            return solve(None)
        inside = regions > 0
        if inside.all() or not inside.any():
            return solve(None)
        inner = solve(inside)
        outer = solve(~inside)
        return np.where(inside, inner[0], outer[0]), np.where(inside, inner[1], outer[1])


MATCHER = HornSchunck()
