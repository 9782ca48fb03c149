"""Settings of the Horn-Schunck solver: the defaults, the quadratic solver, and the paper's."""

import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from gdiv.flow.horn_schunck.median import MAX_WINDOW

__all__ = [
    "DEFAULT",
    "MIN_SIDE",
    "NOISE_SIGMA",
    "OUTLIER",
    "PAPER",
    "PYRAMID_SLOPE",
    "PYRAMID_WARPS",
    "QUADRATIC",
    "TENSOR_SIGMA",
    "Feature",
    "Penalty",
    "Settings",
    "Stencil",
    "weigh_noise",
]

#: Image quantity that is compared.
Feature: TypeAlias = Literal["contrast", "sobel", "brightness"]
#: Penalty of differences of brightness and of changes of the displacement.
Penalty: TypeAlias = Literal["robust", "quadratic"]
#: Weights of a central difference at one, two and three pixels.
Stencil: TypeAlias = tuple[float, float, float]

#: Smallest side of the coarsest pyramid level (pixel).
MIN_SIDE = 16

#: Difference of local contrast beyond which the robust penalty grows linearly.
OUTLIER = 0.5
#: Standard deviation (pixel) of the blur of the products of gradients in the robust data term.
TENSOR_SIGMA = 0.5
#: Standard deviation (pixel) of the neighbourhood in which the robust data term measures its noise.
NOISE_SIGMA = 6.0
#: Slope of the displacement at which a margin begins, and number of warps, on the coarse levels of
#: the robust solver. These levels only propose a start.
PYRAMID_SLOPE = 0.2
PYRAMID_WARPS = 3

# Scale of the weight of the data term, and the variance of images that do not differ.
_NOISE_SCALE = 0.7
_NOISE_FLOOR = 0.6

# Weights of the central difference at one, two and three pixels, by number of taps; exact to fourth
# and sixth order (Fornberg 1988, doi:10.1090/S0025-5718-1988-0935077-0).
_STENCILS: dict[int, Stencil] = {
    5: (8 / 12, -1 / 12, 0.0),
    7: (45 / 60, -9 / 60, 1 / 60),
}


@dataclass(frozen=True)
class Settings:
    """Settings of the Horn-Schunck solver.

    The defaults suit images of different dates. `QUADRATIC` is the standard multi-level solver,
    ten times faster, which loses the motion of narrow ice. `PAPER` holds the paper's most likely
    settings.

    Attributes
    ----------
    penalty : {"robust", "quadratic"}
        Penalty of differences of brightness and of changes of the displacement. "quadratic": the
        penalty of Horn and Schunck. "robust": preserves margins and begins at a searched start.
    reach : float
        Longest displacement of the search, in pixels of the image; robust penalty only. Time grows
        with its square beyond 16 pixels.
    slopes : tuple of float
        Change of the displacement between neighbouring pixels at which a margin begins, for each
        warp of the finest level; robust penalty only. Smaller values keep sharper margins and more
        noise. Decreasing values begin with a smooth field.
    levels : int
        Number of pyramid levels, each of half the resolution. The coarsest has at least 16 pixels
        along each side, which limits the number for small images. More levels find larger
        displacements: about 1.5 pixels of the coarsest level, so 24 pixels with five levels.
    warps : int
        Number of linearisations per level; quadratic penalty only. More warps follow large
        displacements more exactly; time grows in proportion.
    iterations : int
        Number of Jacobi steps per warp. More steps come closer to the solution of the linear
        equations; time grows in proportion.
    weight : float
        Weight of the smoothness term, relative to the squared difference of images of unit spread.
        A larger weight gives a smoother field, fills gaps from farther away and loses more of the
        motion of narrow ice. With the quadratic penalty, values of 0.3 to 1 suit the brightness of
        clean images and 8 to 16 local contrast.
    feature : {"contrast", "sobel", "brightness"}
        Quantity that is compared. "contrast": local contrast, with local mean removed and local
        spread scaled to one at each level. "sobel": magnitude of the Sobel gradient; the paper
        filters along x and y and does not state how it combines the two. "brightness": the images
        themselves.
    sigma : float
        Standard deviation (pixel of the level) of the neighbourhood of the local contrast. A larger
        value keeps longer wavelengths, and with them more changes of illumination.
    floor : float
        Constant added to the local spread, in units of the grain of the image: the mean absolute
        difference of neighbouring pixels. A larger value suppresses weak texture more, such as
        noise on flat snow.
    radius : float
        Assumed spectral radius of a Jacobi step, from 0 to below 1, for Chebyshev acceleration. A
        larger value accelerates long wavelengths more; 0 takes plain Jacobi steps.
    taps : {5, 7}
        Number of pixels of the central difference. Seven are more exact at short wavelengths.
    symmetric : bool
        Warp the reference by minus half and the secondary by plus half of the displacement, which
        then refers to the middle between both. Costs a second warp; quadratic penalty only.
    median : int
        Side (pixel) of the square median filter of the displacement, odd, up to 181; 1 disables it.
        A larger window removes larger outliers and more detail.
    median_each_warp : bool
        Apply the median filter after every warp instead of once at the end.
    """

    penalty: Penalty = "robust"
    reach: float = 64.0
    slopes: tuple[float, ...] = (0.1, 0.1, 0.1, 0.07)
    levels: int = 5
    warps: int = 4
    iterations: int = 20
    weight: float = 24.0
    feature: Feature = "contrast"
    sigma: float = 2.0
    floor: float = 0.3
    radius: float = 0.99
    taps: int = 5
    symmetric: bool = False
    median: int = 1
    median_each_warp: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.median <= MAX_WINDOW or self.median % 2 == 0:
            raise ValueError(
                f"median must be an odd window of at most {MAX_WINDOW} pixels, got {self.median}"
            )
        if not self.sigma > 0 or self.floor < 0:
            raise ValueError(
                f"sigma must be above 0 and floor at least 0, got {self.sigma} and {self.floor}"
            )
        if self.penalty not in get_args(Penalty):
            raise ValueError(
                f"unknown penalty {self.penalty!r}; choose from: {', '.join(get_args(Penalty))}"
            )
        if self.reach < 0 or not self.slopes or min(self.slopes) <= 0:
            raise ValueError(
                f"reach must be at least 0 and slopes above 0, got {self.reach} and {self.slopes}"
            )
        if self.penalty == "robust" and (self.feature != "contrast" or self.symmetric):
            raise ValueError("the robust penalty needs feature='contrast' and symmetric=False")
        features = get_args(Feature)
        if self.feature not in features:
            raise ValueError(f"unknown feature {self.feature!r}; choose: {', '.join(features)}")
        if self.taps not in _STENCILS:
            raise ValueError(f"the central difference needs 5 or 7 taps, got {self.taps}")
        smallest_count = min(self.levels, self.warps, self.iterations)
        if smallest_count < 1 or not self.weight > 0 or not 0 <= self.radius < 1:
            raise ValueError(
                "levels, warps and iterations must be at least 1, weight above 0, radius in [0, 1)"
            )

    @property
    def stencil(self) -> Stencil:
        """Weights of the central difference at one, two and three pixels."""
        return _STENCILS[self.taps]

    def count_levels(self, shape: tuple[int, int]) -> int:
        """Count the pyramid levels of an image.

        Parameters
        ----------
        shape : tuple of int
            ``(H, W)`` of the image.

        Returns
        -------
        int
            `levels`, or the largest number that leaves 16 pixels per side of the coarsest level.
        """
        halvings = int(math.log2(min(shape) / MIN_SIDE))
        return min(self.levels, 1 + max(halvings, 0))

    def relaxation_factors(self) -> npt.NDArray[np.float32]:
        """Relaxation factor of each Jacobi step.

        Returns
        -------
        ndarray
            float32 ``(iterations,)``, the factors of the Chebyshev semi-iterative method for a
            Jacobi step of one colour of a chessboard (Golub and Varga 1961,
            doi:10.1007/BF01386013).
        """
        omegas = np.ones(self.iterations, np.float32)
        for k in range(1, self.iterations):
            previous = 0.5 if k == 1 else omegas[k - 1] / 4
            omegas[k] = 1 / (1 - self.radius**2 * previous)
        return omegas


def weigh_noise(variance: Any) -> Any:
    """Weight of the robust data term, low where the images differ after the warp.

    Parameters
    ----------
    variance : ndarray or torch.Tensor
        Variance of the difference of local contrast in the neighbourhood of each pixel.

    Returns
    -------
    ndarray or torch.Tensor
        Weight of each pixel, of the shape and type of `variance`.
    """
    return _NOISE_SCALE / (variance + _NOISE_FLOOR)


#: Settings for pairs of satellite images of different dates.
DEFAULT = Settings()

#: The standard multi-level solver, with quadratic penalties.
QUADRATIC = Settings(penalty="quadratic", weight=12.0, median=9)

#: Most likely settings of the paper, which does not state them: the usual settings of the solver
#: that it cites (Meinhardt-Llopis et al. 2013). The weight there is 10 for images of 0 to 255,
#: whose Sobel magnitudes have a spread of about 14 on glaciers: 4 x 10 / 14^2 is about 0.2.
PAPER = Settings(
    penalty="quadratic",
    levels=3,
    warps=2,
    iterations=400,
    weight=0.2,
    feature="sobel",
    radius=0,
    taps=7,
    symmetric=True,
    median=9,
    median_each_warp=True,
)
