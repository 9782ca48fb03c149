"""Calibrated standard errors, from an image-based error and a second predictor.

A stated error is a product of powers, ``scale * shown**a * second**b``. ``shown`` is the
image-based error after the match (`gdiv.flow.matchers.errors`). The second predictor is the error
stated by the matcher itself, or otherwise the forward-backward error, if there is one. Scale and
powers of each matcher come from a quantile regression (Koenker and Bassett 1978,
doi:10.2307/1913643) of true errors, at the fraction of a normal distribution within one standard
deviation. ``python bench/calibration.py`` fits them to the dev split of the benchmark and further
cases of its kinds. They ship in ``calibration.json``; ``results/errors.md`` gives their coverage on
the test split.
"""

import json
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import cv2
import numpy as np

from gdiv.images.arrays import Image, Series

__all__ = [
    "ANY",
    "CALIBRATIONS",
    "FAILED",
    "IMAGES_ALONE",
    "WITH_SECOND",
    "Calibration",
    "calibrate",
    "calibrated_errors",
    "is_calibrated",
    "local_rms",
    "second_predictor",
]

#: File of the calibrations in this package.
CALIBRATIONS = "calibration.json"
#: Stated error in pixels above which a match has failed; `results/errors.md` gives the fraction of
#: the remaining vectors whose error exceeds 2 px.
FAILED = 0.5
#: Standard deviation of the Gaussian neighbourhood of a forward-backward error, pixels.
NEIGHBOURHOOD = 1.5
#: Added to the second predictor, since it may be zero, pixels.
MIN_SECOND = 0.02
#: Name of the calibration for matchers without their own: the pooled one of all matchers.
ANY = "any"
#: Kinds of calibration: without and with a second predictor.
IMAGES_ALONE = "images alone"
WITH_SECOND = "with second predictor"


class Calibration(NamedTuple):
    """Scale and powers of a stated error.

    Attributes
    ----------
    scale : float
        Factor.
    shown : float
        Power of the image-based error.
    second : float
        Power of the second predictor; 0 if there is none.
    least : float
        Error of the best match, pixels, added in quadrature.
    """

    scale: float
    shown: float
    second: float
    least: float


@cache
def _read_calibrations() -> dict[str, dict[str, Calibration]]:
    """Calibrations by matcher, with and without a second predictor."""
    text = files("gdiv.flow.matchers").joinpath(CALIBRATIONS).read_text(encoding="utf-8")
    return {
        matcher: {kind: Calibration(**values) for kind, values in kinds.items()}
        for matcher, kinds in json.loads(text)["matchers"].items()
    }


def is_calibrated(matcher: str) -> bool:
    """Check whether a matcher has its own calibration.

    Parameters
    ----------
    matcher : str
        Name of the matcher.

    Returns
    -------
    bool
        True for all matchers of gdiv except the baseline.
    """
    return matcher in _read_calibrations()


def calibrated_errors(
    matcher: str, shown: Series, stated: Series | None = None, residual: Image | None = None
) -> Series:
    """Compute the calibrated standard error of both components.

    Parameters
    ----------
    matcher : str
        Name of the matcher. Without its own calibration, its stated errors are used unchanged or,
        if it states none, the pooled calibration of all matchers.
    shown : ndarray, shape (2, H, W)
        Image-based errors, in pixels.
    stated : ndarray, shape (2, H, W), optional
        Errors stated by the matcher, in pixels.
    residual : ndarray, shape (H, W), optional
        Forward-backward error in pixels, used if the matcher states no errors; NaN where unknown.

    Returns
    -------
    ndarray, shape (2, H, W)
        float32, one standard error of each component in pixels.

    Examples
    --------
    A zero forward-backward error lowers the stated error:

    >>> shown = np.full((2, 8, 8), 0.1, np.float32)
    >>> alone = calibrated_errors("dis", shown)
    >>> agreeing = calibrated_errors("dis", shown, residual=np.zeros((8, 8), np.float32))
    >>> bool((agreeing < alone).all())
    True
    """
    calibrations = _read_calibrations()
    if stated is not None and not is_calibrated(matcher):
        return stated
    second = second_predictor(stated, residual)
    kind = IMAGES_ALONE if second is None else WITH_SECOND
    return calibrate(shown, second, calibrations.get(matcher, calibrations[ANY])[kind])


def second_predictor(stated: Series | None, residual: Image | None) -> Series | None:
    """Choose the second predictor of an error.

    Parameters
    ----------
    stated : ndarray, shape (2, H, W), or None
        Errors that the matcher states, in pixels.
    residual : ndarray, shape (H, W), or None
        Forward-backward error in pixels; NaN where it is unknown.

    Returns
    -------
    ndarray, shape (2, H, W) or (H, W), or None
        The stated error of the matcher, else the local forward-backward error; None without both.
    """
    if stated is not None or residual is None:
        return stated
    return local_rms(residual)


def calibrate(shown: Series, second: Series | None, calibration: Calibration) -> Series:
    """Apply a calibration.

    Parameters
    ----------
    shown : ndarray, shape (2, ...)
        Image-based errors, in pixels.
    second : ndarray, shape (2, ...) or (...), or None
        The second predictor, in pixels.
    calibration : Calibration
        Scale and powers.

    Returns
    -------
    ndarray, shape (2, ...)
        float32, one standard error of each component in pixels.

    Examples
    --------
    >>> calibration = Calibration(scale=2.0, shown=1.0, second=0.0, least=0.0)
    >>> calibrate(np.array([0.25, 0.5]), None, calibration).tolist()
    [0.5, 1.0]
    """
    sigma = calibration.scale * shown**calibration.shown
    if second is not None:
        sigma = sigma * (second + MIN_SECOND) ** calibration.second
    return np.hypot(sigma, calibration.least).astype(np.float32)


def local_rms(residual: Image) -> Image:
    """Local RMS of a forward-backward error, which may be zero by chance at a single pixel.

    Parameters
    ----------
    residual : ndarray, shape (H, W)
        Forward-backward error in pixels; NaN where it is unknown.

    Returns
    -------
    ndarray, shape (H, W)
        float32; the maximum of the image where the whole neighbourhood is unknown.
    """
    is_valid = np.isfinite(residual)
    weight = cv2.GaussianBlur(is_valid.astype(np.float32), (0, 0), NEIGHBOURHOOD)
    square = np.where(is_valid, residual, 0).astype(np.float32) ** 2
    mean = cv2.GaussianBlur(square, (0, 0), NEIGHBOURHOOD) / np.maximum(weight, 1e-6)
    largest = residual[is_valid].max() if is_valid.any() else np.float32(0)
    return np.where(weight > 1e-3, np.sqrt(mean), largest).astype(np.float32)
