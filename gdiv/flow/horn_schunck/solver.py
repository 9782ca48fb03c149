"""Multi-level Horn-Schunck optical flow, for one pair on the CPU or a batch on any device of torch.

Finds the displacement `(u, v)` with ``secondary(x + u, y + v) = reference(x, y)`` that minimises::

    sum over pixels of (Ix u + Iy v + It)^2 + weight / 4 * (|grad u|^2 + |grad v|^2)

on a pyramid, from coarse to fine. Both images are brought to a spread of about one, so that one weight
serves all scenes. At each level the secondary is moved back by the flow so far, the brightness equation is
linearised there, and the linear equations are solved for the whole flow by Jacobi steps under Chebyshev
acceleration. With `a, b, c` for Ix, Iy, It, each divided by sqrt(weight + Ix^2 + Iy^2), and means over the
four neighbours, a step is

    u = mean_u - a (a mean_u + b mean_v + c)        v = mean_v - b (a mean_u + b mean_v + c)

Where either image has no data, or the flow leads out of the frame, a, b and c are zero and smoothness fills.

Between two dates the sun, the snow and the haze change, so brightness is not constant. What is compared is
therefore the local contrast, taken anew at each level: mean and spread over a few of the level's own pixels.

Sources: Horn and Schunck 1981, doi:10.1016/0004-3702(81)90024-2; Meinhardt-Llopis et al. 2013,
doi:10.5201/ipol.2013.20 (pyramid and warps); Keys 1981, doi:10.1109/TASSP.1981.1163711 (bicubic,
a = -0.5); Golub and Varga 1961, doi:10.1007/BF01386013 (Chebyshev steps, one colour of the chessboard
at a time).
"""

import math
from dataclasses import dataclass

import numpy as np

from gdiv.flow.horn_schunck import kernels_numba

MIN_SIDE = 16  # pixels of the coarsest level
_STENCILS = {5: (8 / 12, -1 / 12, 0.0), 7: (45 / 60, -9 / 60, 1 / 60)}


@dataclass(frozen=True)
class Settings:
    """How Horn-Schunck is run. The defaults are for dates apart; `PAPER` is what the paper most likely used.

    Attributes
    ----------
    levels
        Pyramid levels, each half the size; the coarsest keeps at least 16 pixels. More levels reach farther:
        about 1.5 pixels at the coarsest, so 24 with five.
    warps
        Linearisations a level.
    iterations
        Jacobi steps a warp.
    weight
        Smoothness against squared difference of images of unit spread. Larger is smoother, fills gaps from
        farther and loses more of the motion of narrow ice; 0.3 to 1 is right for the brightness of clean images,
        8 to 16 for local contrast.
    feature
        What is compared: `contrast` (local mean removed, local spread made one, at each level), `sobel`
        (magnitude of the gradient; the paper filters along x and y and does not say how it combines the two)
        or `brightness`.
    sigma
        Neighbourhood of `contrast`: standard deviation in pixels of the level.
    floor
        Texture too weak to be trusted, in units of the image's grain (mean difference of neighbouring
        pixels): added to the local spread, so that noise on flat snow is not blown up.
    radius
        Assumed spectral radius of a Jacobi step, for its acceleration; 0 takes plain steps.
    taps
        Of the central difference: 5 or 7.
    symmetric
        Warp the reference by minus half and the secondary by plus half of the flow, which then is that of
        the middle frame. Costs a second warp.
    median
        Side of the square median filter; 1 leaves it out.
    median_each_warp
        Filter after every warp, not at the end alone.
    """

    levels: int = 5
    warps: int = 4
    iterations: int = 20
    weight: float = 12.0
    feature: str = "contrast"
    sigma: float = 2.0
    floor: float = 0.3
    radius: float = 0.99
    taps: int = 5
    symmetric: bool = False
    median: int = 9
    median_each_warp: bool = False

    def __post_init__(self):
        if not 1 <= self.median <= 181 or self.median % 2 == 0:
            raise ValueError(
                f"the median needs an odd window of at most 181 pixels, got {self.median}"
            )
        if not self.sigma > 0 or self.floor < 0:
            raise ValueError(
                f"sigma is above 0 and floor not below, got {self.sigma} and {self.floor}"
            )
        if self.feature not in ("contrast", "sobel", "brightness"):
            raise ValueError(f"no feature {self.feature!r}; there are: contrast, sobel, brightness")
        if self.taps not in _STENCILS:
            raise ValueError(f"the central difference has 5 or 7 taps, not {self.taps}")
        if (
            min(self.levels, self.warps, self.iterations) < 1
            or not self.weight > 0
            or not 0 <= self.radius < 1
        ):
            raise ValueError(
                "levels, warps and iterations are at least 1, weight is above 0, radius in [0, 1)"
            )

    def levels_of(self, shape: tuple[int, int]) -> int:
        """How many levels an image of `(H, W)` has."""
        return min(self.levels, 1 + max(int(math.log2(min(shape) / MIN_SIDE)), 0))

    def factors(self) -> np.ndarray:
        """Relaxation factors of the Jacobi steps (Chebyshev semi-iteration)."""
        omegas = np.ones(self.iterations, np.float32)
        for k in range(1, self.iterations):
            omegas[k] = 1 / (1 - self.radius**2 * (0.5 if k == 1 else omegas[k - 1] / 4))
        return omegas


DEFAULT = Settings()
# The paper does not give its settings. These are the customary ones of the solver it cites; the weight there is 10
# for images of 0 to 255, whose Sobel magnitudes have a spread of about 14 on glaciers: 4 x 10 / 14^2.
PAPER = Settings(
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


def solve_horn_schunck(reference, secondary, settings: Settings = DEFAULT, mask=None, grain=None):
    """Displacement from `reference` to `secondary`, in pixels.

    Parameters
    ----------
    reference, secondary
        Images of one shape on any brightness scale: NumPy `(H, W)` of any numeric type, or torch
        `(..., H, W)`, solved on the tensor's device. NaN, infinity and fill values beyond 1e15 are no data.
    mask
        Boolean `(H, W)`, as NumPy array or tensor like the images: pixels that count. Leave still rock out and
        it does not slow the ice beside it. All count if left out.
    grain
        Two numbers, the images' grain where it is known from a larger image that these were cut from
        (`gdiv.flow.blocks`); measured if left out.

    Returns
    -------
    u, v
        float32 of the images' shape and kind, positive along columns and along rows; finite everywhere.

    Raises
    ------
    ValueError
        If the images or the mask differ in shape, have fewer than two dimensions or a side under two pixels.
    """
    *_, (_, u, v) = coarse_to_fine(reference, secondary, settings, mask, grain)
    height, width = reference.shape[-2:]
    u, v = u[..., :height, :width], v[..., :height, :width]
    return (u, v) if settings.median_each_warp else _filter(u, v, settings.median)


def coarse_to_fine(reference, secondary, settings: Settings = DEFAULT, mask=None, grain=None):
    """Yields each level's reference, `u` and `v`, in the level's pixels, from the coarsest. Arguments as above.

    The far sides may be padded; the median at the end is not yet taken.
    """
    steps = _steps(reference)
    shape = tuple(reference.shape)
    if (
        len(shape) < 2
        or shape != tuple(secondary.shape)
        or (steps is kernels_numba and len(shape) != 2)
    ):
        raise ValueError(
            f"two images of one (H, W) shape are needed, got {shape} and {tuple(secondary.shape)}"
        )
    if min(shape[-2:]) < 2:
        raise ValueError(f"images need at least 2 x 2 pixels, got {shape}")
    if mask is not None and tuple(mask.shape) != shape[-2:]:
        raise ValueError(f"the mask's shape {tuple(mask.shape)} is not the images' {shape[-2:]}")
    mask = np.ones(shape[-2:], bool) if mask is None else mask > 0

    levels = settings.levels_of(shape[-2:])
    pair = [steps.finest(image, 2 ** (levels - 1)) for image in (reference, secondary)]
    counted = steps.mask_level(mask, pair[0])
    if settings.feature == "contrast":
        floors = [
            settings.floor * g
            for g in ([steps.grain(image) for image in pair] if grain is None else grain)
        ]
    elif settings.feature == "sobel":
        pair = [steps.standardise(steps.sobel(image)) for image in pair]
    else:
        pair = [steps.standardise(image) for image in pair]
    pyramid = [(*pair, counted)]
    for _ in range(levels - 1):
        first, second, counted = pyramid[-1]
        pyramid.append((steps.halve(first), steps.halve(second), steps.halve_mask(counted)))

    factors = settings.factors()
    u, v = steps.no_flow(pyramid[-1][0])
    for first, second, counted in reversed(pyramid):
        if u.shape != first.shape:
            u, v = steps.double(u), steps.double(v)
        if settings.feature == "contrast":
            first, second = (
                steps.contrast(image, settings.sigma, floor)
                for image, floor in zip((first, second), floors, strict=True)
            )
        work = steps.Workspace(first, second, counted, _STENCILS[settings.taps])
        for _ in range(settings.warps):
            u, v = work.step(u, v, settings.weight, factors, settings.symmetric)
            if settings.median_each_warp:
                u, v = _filter(u, v, settings.median)
        yield first.image, u, v


def _filter(u, v, size):
    steps = _steps(u)
    return (u, v) if size == 1 else (steps.median_filter(u, size), steps.median_filter(v, size))


def _steps(image):
    """The backend for what the image is: an array, or a tensor on whatever device."""
    if isinstance(image, np.ndarray):
        return kernels_numba
    from gdiv.flow.horn_schunck import kernels_torch

    return kernels_torch
