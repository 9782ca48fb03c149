"""Match two images with any registered matcher; compute quality and consistency."""

from typing import Any, NamedTuple

import numpy as np

from gdiv.flow.matchers.calibration import ANY, FAILED, calibrated_errors, is_calibrated
from gdiv.flow.matchers.measurement import as_matcher, measure_displacement
from gdiv.flow.matchers.protocol import Matcher
from gdiv.images.arrays import Component, Image

__all__ = ["Match", "match_images"]


class Match(NamedTuple):
    """Result of matching two images; each field is float32 ``(H, W)``.

    Attributes
    ----------
    u : ndarray
        Displacement along columns, in pixels; NaN where either image has no data.
    v : ndarray
        Displacement along rows, likewise.
    quality : ndarray
        Local correlation after the match, 0 to 1. It is 0 without a vector, and where the match has
        failed: the stated error exceeds `gdiv.flow.matchers.calibration.FAILED`.
    residual : ndarray
        Forward-backward error in pixels; NaN unless ``check_consistency=True``.
    sigma_u, sigma_v : ndarray
        Standard error of each component, in pixels; NaN without a vector.
    """

    u: Component
    v: Component
    quality: Image
    residual: Image
    sigma_u: Image
    sigma_v: Image


def match_images(
    matcher: str | Matcher,
    reference: Image,
    secondary: Image,
    *,
    check_consistency: bool = False,
    prewarp: str | Matcher | None = None,
    **options: Any,
) -> Match:
    """Find the displacement between two images.

    Parameters
    ----------
    matcher : str or Matcher
        Name of a registered matcher (see `gdiv.list_matchers`), or a matcher object.
    reference, secondary : ndarray, shape (H, W)
        Images of one shape on any brightness scale; NaN is no data.
    check_consistency : bool, optional
        Also match the secondary to the reference and compute the forward-backward error. It also
        improves the calibrated errors of matchers that state none. Takes twice the time.
    prewarp : str or Matcher, optional
        Matcher whose displacement is removed from the secondary first, so that `matcher` only
        measures the residual motion. With ``"horn-schunck"``, other matchers follow faster and
        narrower ice; RAFT always starts from it.
    **options
        Options of the matcher: ``settings`` and ``regions`` for ``"horn-schunck"``, ``network``
        for ``"raft"``.

    Returns
    -------
    Match
        ``u``, ``v``, ``quality``, ``residual``, ``sigma_u`` and ``sigma_v``.

    Raises
    ------
    UnknownMatcherError
        If no matcher has this name.
    ValueError
        If the images do not have one two-dimensional shape, or the matcher does not accept an
        option.
    MissingPackageError
        If the matcher needs a package that is not installed.

    Notes
    -----
    Quality is computed in the same way for every matcher. It is the local correlation of contrast
    between the reference and the secondary resampled along the displacement, and zero where the
    stated error indicates a failed match. Stated errors are calibrated on cases
    with a known displacement (`gdiv.flow.matchers.calibration`).

    Examples
    --------
    >>> from gdiv.images.textures import fractal_texture
    >>> texture = fractal_texture(128, 1.3, seed=0)
    >>> match = match_images("dis", texture[10:74, 10:74], texture[9:73, 8:72])
    >>> round(float(np.nanmedian(match.u)), 1), round(float(np.nanmedian(match.v)), 1)
    (2.0, 1.0)
    """
    chosen = as_matcher(matcher)
    measured = measure_displacement(
        chosen,
        reference,
        secondary,
        check_consistency=check_consistency,
        prewarp=prewarp,
        **options,
    )
    sigma = calibrated_errors(chosen.name, measured.shown, measured.stated, measured.residual)
    if getattr(chosen, "baseline", False):
        quality = np.ones_like(measured.correlation)
    else:
        # Errors stated by a user's matcher may be on any scale.
        judged = sigma if is_calibrated(chosen.name) else calibrated_errors(ANY, measured.shown)
        quality = np.where(np.maximum(*judged) <= FAILED, measured.correlation, np.float32(0))
    residual = measured.residual
    if residual is None:
        residual = np.full(quality.shape, np.nan, np.float32)
    u, v, residual, sigma_u, sigma_v = (
        np.where(measured.valid, field, np.nan).astype(np.float32)
        for field in (*measured.flow, residual, *sigma)
    )
    quality = np.where(measured.valid, quality, np.float32(0))
    return Match(u, v, quality, residual, sigma_u, sigma_v)
