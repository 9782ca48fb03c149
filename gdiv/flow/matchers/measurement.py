"""Measure a displacement with a matcher, together with predictors of its error."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import cv2
import numpy as np

from gdiv.flow.horn_schunck.warping import remove_motion, warp_back
from gdiv.flow.matchers.errors import estimate_errors
from gdiv.flow.matchers.protocol import Matcher, matcher_options
from gdiv.flow.matchers.registry import get_matcher, matchers_with_option
from gdiv.images.arrays import Flow, Image, Mask, Series, as_image
from gdiv.images.contrast import local_contrast
from gdiv.images.sampling import compose_flows, forward_backward_error

__all__ = [
    "MIN_SIDE",
    "Measurement",
    "as_matcher",
    "check_options",
    "local_correlation",
    "measure_displacement",
]

#: Standard deviation of the Gaussian neighbourhood of the correlation, in pixels.
CORRELATION_SIGMA = 4.0
#: Minimum side of an image in pixels, required by OpenCV's DIS.
MIN_SIDE = 12
#: Minimum fraction of valid neighbours, to avoid division by zero.
MIN_VALID = 1e-3


class Measurement(NamedTuple):
    """Displacement of a matcher and the predictors of its error.

    Attributes
    ----------
    flow : ndarray, shape (2, H, W)
        Displacement in pixels.
    correlation : ndarray, shape (H, W)
        Local correlation after the match, 0 to 1.
    residual : ndarray, shape (H, W), or None
        Forward-backward error in pixels.
    shown : ndarray, shape (2, H, W)
        Image-based error of each component, in pixels.
    stated : ndarray, shape (2, H, W), or None
        Error of each component stated by the matcher, in pixels.
    valid : ndarray of bool, shape (H, W)
        Mask of pixels with a vector.
    """

    flow: Flow
    correlation: Image
    residual: Image | None
    shown: Series
    stated: Series | None
    valid: Mask


def measure_displacement(
    matcher: Matcher,
    reference: Image,
    secondary: Image,
    *,
    check_consistency: bool = False,
    prewarp: str | Matcher | None = None,
    **options: Any,
) -> Measurement:
    """Measure the displacement between two images and the predictors of its error.

    Parameters
    ----------
    matcher : Matcher
        A matcher.
    reference, secondary : ndarray, shape (H, W)
        As in `gdiv.match_images`.
    check_consistency : bool, optional
        As in `gdiv.match_images`.
    prewarp : str or Matcher, optional
        As in `gdiv.match_images`.
    **options
        As in `gdiv.match_images`.

    Returns
    -------
    Measurement
        Displacement and predictors of its error.

    Raises
    ------
    ValueError
        As in `gdiv.match_images`.
    """
    before = None if prewarp is None else as_matcher(prewarp)
    reference, secondary = as_image(reference), as_image(secondary)
    if reference.shape != secondary.shape:
        raise ValueError(
            f"both images must have the same (H, W) shape, got {reference.shape} and "
            f"{secondary.shape}"
        )
    if min(reference.shape) < MIN_SIDE:
        raise ValueError(
            f"images must have at least {MIN_SIDE} pixels per side, got {reference.shape}"
        )
    check_options(matcher, options)
    flow, stated = _run_matcher(matcher, reference, secondary, options, before)
    residual = None
    if check_consistency:
        backward, _ = _run_matcher(matcher, secondary, reference, options, before)
        residual = forward_backward_error(flow, backward)
    first = local_contrast(reference)
    moved, inside = warp_back(local_contrast(secondary), flow[0], flow[1])
    correlation, valid = local_correlation(first, moved, inside)
    shown = np.stack(estimate_errors(first, moved, valid, flow[0], flow[1], correlation))
    valid = valid & np.isfinite(flow).all(axis=0)
    return Measurement(flow, correlation, residual, shown, stated, valid)


def as_matcher(matcher: str | Matcher) -> Matcher:
    """Return the matcher object for a name.

    Parameters
    ----------
    matcher : str or Matcher
        Name of a registered matcher, or a matcher.

    Returns
    -------
    Matcher
        The matcher.

    Raises
    ------
    UnknownMatcherError
        If no matcher has this name.
    """
    return get_matcher(matcher) if isinstance(matcher, str) else matcher


def _run_matcher(
    matcher: Matcher,
    reference: Image,
    secondary: Image,
    options: dict[str, Any],
    before: Matcher | None = None,
) -> tuple[Flow, Flow | None]:
    """Displacement, and its standard error if the matcher states it, float32 ``(2, H, W)`` each."""
    if before is not None:
        start = np.nan_to_num(_run_matcher(before, reference, secondary, {})[0])
        residual_flow, sigma = _run_matcher(
            matcher, reference, remove_motion(start, secondary), options
        )
        # The residual flow ends at a pixel of the moved image; add the start sampled there.
        return compose_flows(residual_flow, start), sigma
    components = matcher.match(reference, secondary, **options)
    found = np.stack([np.asarray(component, np.float32) for component in components])
    if len(found) not in (2, 4) or found.shape[1:] != reference.shape:
        raise ValueError(
            f"matcher {matcher.name!r} returned {len(found)} arrays of shape {found.shape[1:]}; "
            f"return u and v of shape {reference.shape}, optionally followed by sigma_u and sigma_v"
        )
    return found[:2], found[2:] if len(found) == 4 else None


def check_options(matcher: Matcher, options: Mapping[str, Any]) -> None:
    """Check that a matcher accepts the given options.

    Parameters
    ----------
    matcher : Matcher
        A matcher.
    options : mapping of str to Any
        Options by name.

    Raises
    ------
    ValueError
        If the matcher does not accept an option; the message names the matchers that do.
    """
    accepted = matcher_options(matcher)
    for option in options:
        if accepted is not None and option not in accepted:
            takers = matchers_with_option(option)
            hint = f"only {', '.join(takers)} does" if takers else "no matcher does"
            raise ValueError(f"{matcher.name} takes no option {option!r}; {hint}")


def local_correlation(
    first: Image, moved: Image, inside: Mask, sigma: float = CORRELATION_SIGMA
) -> tuple[Image, Mask]:
    """Correlate an image with another that was resampled along a displacement.

    Parameters
    ----------
    first : ndarray, shape (H, W)
        Local contrast of the reference; NaN is no data.
    moved, inside : ndarray, shape (H, W)
        Local contrast of the secondary, resampled by `gdiv.flow.horn_schunck.warping.warp_back`,
        and its mask of valid pixels.
    sigma : float, optional
        Standard deviation of the Gaussian neighbourhood in pixels. A larger value is smoother and
        hides small failures.

    Returns
    -------
    correlation : ndarray, shape (H, W)
        0 to 1; negative correlation and images without texture give zero.
    valid : ndarray of bool, shape (H, W)
        Mask of pixels with data in both images.
    """
    valid = inside & np.isfinite(first)
    coverage = np.maximum(cv2.GaussianBlur(valid.astype(np.float32), (0, 0), sigma), MIN_VALID)

    def mean(values: Image) -> Image:
        blurred = cv2.GaussianBlur(np.where(valid, values, 0).astype(np.float32), (0, 0), sigma)
        return blurred / coverage

    a = np.nan_to_num(first)
    b = moved
    mean_a = mean(a)
    mean_b = mean(b)
    covariance = mean(a * b) - mean_a * mean_b
    variances = (mean(a * a) - mean_a**2) * (mean(b * b) - mean_b**2)
    spread = np.sqrt(np.maximum(variances, 1e-8))
    correlation = np.where(valid, np.clip(covariance / spread, 0, 1), 0).astype(np.float32)
    return correlation, valid
