"""Multi-level Horn-Schunck optical flow, for one pair on a CPU or a batch on any device of torch.

The solver estimates the displacement ``w = (u, v)`` with ``secondary(x + u, y + v) = reference(x,
y)``. It minimises the energy of Horn and Schunck (1981)::

    sum over pixels of D((Ix u + Iy v + It)^2) + weight / 4 * S(|grad u|^2 + |grad v|^2)

The first term is the data term. It assumes that brightness moves with the surface: ``Ix`` and
``Iy`` are the gradients of brightness along columns and along rows, and ``It`` is the difference of
the secondary and the reference. The second term is the smoothness term. ``D`` and ``S`` are the
penalties of `gdiv.flow.horn_schunck.settings.Settings.penalty`:

- *quadratic*: ``D(a) = a`` and ``S(b) = b``, as in 1981. Every discontinuity of the displacement is
  smoothed, again at each level of the pyramid, so narrow ice loses its motion to the rock beside
  it.
- *robust*: ``D(a) = 2 k^2 (sqrt(1 + a / k^2) - 1)``, which grows linearly for outliers
  (Charbonnier et al. 1997), with the products of gradients blurred over half a pixel (Bruhn et al.
  2005). It is divided by the variance of ``It`` in the neighbourhood plus a floor, as in weighted
  least squares (Aitken 1936), because the difference between dates varies across the image.
  ``S(b) = s^2 log(1 + b / s^2)`` hardly grows beyond a slope ``s``, so that a sharp margin costs
  little more than a soft one (Black and Anandan 1996). This energy has many minima; the solver
  finds the one nearest to the start of `gdiv.flow.horn_schunck.start`.

Illumination, snow and haze change between two dates, so brightness is not constant. By default
the solver therefore compares the local contrast, computed at each level from the mean and the
spread over a few pixels of that level. It has a spread of about one, so one weight serves all
scenes.

The energy is minimised on a pyramid, from coarse to fine (Meinhardt-Llopis et al. 2013). Each level
takes several warps. A warp has three steps:

1. Sample the secondary at the current displacement, by bicubic interpolation (Keys 1981,
   a = -0.5).
2. Linearise the data term there. ``It`` becomes the difference of the warped secondary and the
   reference minus ``Ix u + Iy v``, so that the equations hold for the whole displacement, not for
   its increment. The slopes of robust penalties are taken from the previous warp.
3. Solve the linear equations by Jacobi steps with Chebyshev acceleration, one colour of a
   chessboard at a time (Golub and Varga 1961).

With quadratic penalties, let ``a``, ``b`` and ``c`` be ``Ix``, ``Iy`` and ``It``, each divided by
``sqrt(weight + Ix^2 + Iy^2)``, and ``mean_u`` and ``mean_v`` the means over the four neighbours of
a pixel. A Jacobi step is::

    u = mean_u - a (a mean_u + b mean_v + c)        v = mean_v - b (a mean_u + b mean_v + c)

With robust penalties, each neighbour has its own weight, and each pixel a 2 x 2 system.

Where either image has no data, or where the displacement leaves the frame, the data term is zero
and only the smoothness term acts.

References
----------
Aitken, A. C. (1936), doi:10.1017/S0370164600014346: weighted least squares.

Black, M. J. and Anandan, P. (1996), doi:10.1006/cviu.1996.0006: robust penalties of both terms.

Bruhn, A., Weickert, J. and Schnörr, C. (2005), doi:10.1023/B:VISI.0000045324.43199.43: combined
local and global data term.

Charbonnier, P., Blanc-Féraud, L., Aubert, G. and Barlaud, M. (1997), doi:10.1109/83.551699:
penalty that grows linearly.

Golub, G. H. and Varga, R. S. (1961), doi:10.1007/BF01386013: Chebyshev semi-iterative methods.

Horn, B. K. P. and Schunck, B. G. (1981), doi:10.1016/0004-3702(81)90024-2: energy and equations.

Keys, R. G. (1981), doi:10.1109/TASSP.1981.1163711: bicubic interpolation.

Meinhardt-Llopis, E., Sanchez Perez, J. and Kondermann, D. (2013), doi:10.5201/ipol.2013.20: pyramid
and warps.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gdiv.flow.horn_schunck.backend import Array, ArrayT, Backend, select_backend
from gdiv.flow.horn_schunck.pyramid import compare_level, prepare_levels
from gdiv.flow.horn_schunck.settings import (
    DEFAULT,
    MIN_SIDE,
    PAPER,
    QUADRATIC,
    Feature,
    Settings,
)
from gdiv.flow.horn_schunck.start import search_start, start_of_batch

__all__ = [
    "DEFAULT",
    "MIN_SIDE",
    "PAPER",
    "QUADRATIC",
    "Feature",
    "Settings",
    "coarse_to_fine",
    "solve_horn_schunck",
]


def solve_horn_schunck(
    reference: ArrayT,
    secondary: ArrayT,
    settings: Settings = DEFAULT,
    mask: Array | None = None,
    grain: Sequence[Any] | None = None,
) -> tuple[ArrayT, ArrayT]:
    """Estimate the displacement from one image to another with multi-level Horn-Schunck.

    Parameters
    ----------
    reference, secondary : ndarray or torch.Tensor
        The earlier and the later image, of one shape and on any brightness scale. A NumPy array is
        ``(H, W)`` of any real type. A tensor is ``(..., H, W)`` and is solved on its device, each
        pair of the batch independently. Masked elements, NaN, infinity and values beyond 1e15 count
        as no data.
    settings : Settings
        Settings of the solver. The default suits images of different dates.
    mask : ndarray or torch.Tensor, optional
        Boolean ``(H, W)``, True where a pixel enters the data term; all pixels by default. Masking
        stable ground prevents it from reducing the speed of adjacent ice.
    grain : sequence of two numbers, optional
        Grain of the reference and of the secondary: the mean absolute difference of neighbouring
        pixels, the unit of ``settings.floor``. For windows of a larger image, pass the grain of the
        whole image. By default it is computed from the images.

    Returns
    -------
    u, v : ndarray or torch.Tensor
        float32 of the images' shape and kind, displacement in pixels along columns (to the right)
        and along rows (down). Finite everywhere: the smoothness term fills pixels without data.

    Raises
    ------
    ValueError
        If the images or the mask differ in shape, have fewer than two dimensions or a side of fewer
        than two pixels.

    See Also
    --------
    gdiv.flow.horn_schunck.blocks.solve_in_blocks : Solve a large pair block by block.

    Examples
    --------
    Shift a smooth random texture by one pixel to the right and estimate the displacement.

    >>> import numpy as np
    >>> from scipy import ndimage
    >>> from gdiv import solve_horn_schunck
    >>> noise = np.random.default_rng(0).normal(size=(64, 65))
    >>> texture = ndimage.gaussian_filter(noise, sigma=1.5)
    >>> reference = texture[:, 1:]
    >>> secondary = texture[:, :-1]
    >>> u, v = solve_horn_schunck(reference, secondary)
    >>> u.shape
    (64, 64)
    >>> print(f"{np.median(u):.1f} pixel right, {abs(np.median(v)):.1f} pixel down")
    1.0 pixel right, 0.0 pixel down
    """
    *_, finest = coarse_to_fine(reference, secondary, settings, mask, grain)
    _, u, v = finest
    height, width = reference.shape[-2:]
    u = u[..., :height, :width]
    v = v[..., :height, :width]
    if settings.median_each_warp:
        return u, v
    return _filter_flow(u, v, settings.median)


def coarse_to_fine(
    reference: ArrayT,
    secondary: ArrayT,
    settings: Settings = DEFAULT,
    mask: Array | None = None,
    grain: Sequence[Any] | None = None,
) -> Iterator[tuple[ArrayT, ArrayT, ArrayT]]:
    """Yield the displacement at each pyramid level, from the coarsest to the finest.

    Parameters
    ----------
    reference, secondary : ndarray or torch.Tensor
        Both images, as in `solve_horn_schunck`.
    settings : Settings, optional
        Settings of the solver.
    mask : ndarray or torch.Tensor, optional
        Pixels that enter the data term, as in `solve_horn_schunck`.
    grain : sequence, optional
        Grain of both images, as in `solve_horn_schunck`.

    Yields
    ------
    image : ndarray or torch.Tensor
        float32, the reference at this level: the feature that is compared. The bottom and the right
        may be padded.
    u, v : ndarray or torch.Tensor
        float32 of the same shape, displacement in pixels of the level, before the final median
        filter.

    Raises
    ------
    ValueError
        As in `solve_horn_schunck`.
    """
    reference, secondary = _without_mask(reference), _without_mask(secondary)
    backend = select_backend(reference)
    _check_shapes(reference, secondary, mask)
    pyramid, floors = prepare_levels(backend, reference, secondary, settings, mask, grain)
    if settings.penalty == "quadratic":
        yield from _quadratic_levels(backend, pyramid, floors, settings)
        return
    omegas = settings.relaxation_factors()
    if isinstance(reference, np.ndarray):
        *coarse, (pair, u, v) = search_start(pyramid, floors or [], settings)
        for (image, _), level_u, level_v in coarse:
            yield image.image, level_u, level_v
    else:
        u, v = start_of_batch(reference, secondary, settings, mask, grain)
        pair = compare_level(backend, pyramid[0][:2], floors, settings)
    first, second = pair
    workspace = backend.RobustWorkspace(first, second, pyramid[0][2], settings.stencil)
    for slope in settings.slopes:
        u, v = workspace.update_flow(u, v, settings.weight, omegas, slope)
    yield first.image, u, v


def _quadratic_levels(
    backend: Backend, pyramid: list[Any], floors: list[Any] | None, settings: Settings
) -> Iterator[tuple[Any, Any, Any]]:
    """Yield the displacement at each level, solved with quadratic penalties."""
    omegas = settings.relaxation_factors()
    u, v = backend.zero_flow(pyramid[-1][0])
    for first, second, level_mask in reversed(pyramid):
        if u.shape != first.shape:
            u = backend.double(u)
            v = backend.double(v)
        first, second = compare_level(backend, (first, second), floors, settings)
        workspace = backend.Workspace(first, second, level_mask, settings.stencil)
        for _ in range(settings.warps):
            u, v = workspace.update_flow(u, v, settings.weight, omegas, settings.symmetric)
            if settings.median_each_warp:
                u, v = _filter_flow(u, v, settings.median)
        yield first.image, u, v


def _without_mask(image: ArrayT) -> ArrayT:
    """Image with NaN in place of masked elements."""
    if isinstance(image, np.ma.MaskedArray):
        return np.ma.filled(image.astype(np.float32), np.nan)
    return image


def _check_shapes(reference: Array, secondary: Array, mask: Array | None) -> None:
    """Raise `ValueError` unless the images and the mask have one shape that can be solved."""
    shape = tuple(reference.shape)
    no_batch = isinstance(reference, np.ndarray)
    if len(shape) < 2 or shape != tuple(secondary.shape) or (no_batch and len(shape) != 2):
        raise ValueError(
            f"both images must have the same (H, W) shape, got {shape} and {tuple(secondary.shape)}"
        )
    if min(shape[-2:]) < 2:
        raise ValueError(f"images must have at least 2 x 2 pixels, got {shape}")
    if mask is not None and tuple(mask.shape) != shape[-2:]:
        raise ValueError(f"the mask's shape {tuple(mask.shape)} is not the images' {shape[-2:]}")


def _filter_flow(u: ArrayT, v: ArrayT, size: int) -> tuple[ArrayT, ArrayT]:
    """Apply the median filter to both components; a window of one pixel changes nothing."""
    if size == 1:
        return u, v
    backend = select_backend(u)
    return backend.median_filter(u, size), backend.median_filter(v, size)
