"""Uncertainty of a mosaic, from the standard errors of its pairs.

The error of a pair has two parts. The independent part differs between pairs; it is visible in
their spread and reduced in their mean. The common part is the same for all pairs, because they
share the texture, the shear and the surface change between two seasons, so averaging does not
reduce it. The standard error of a pair contains both parts: it combines the error stated by the
match (`gdiv.flow.matchers.calibration`) with the excess error on stable ground
(`gdiv.velocity.stable_ground`). Its excess over the spread is therefore the common part.

A second season pair serves as a check. After removing one factor common to all speeds, its
difference from the first must agree with the errors of both. If it is larger, the errors of the
first are increased. A bias common to both season pairs remains undetected.
"""

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import optimize

from gdiv.images.arrays import Image, Mask
from gdiv.images.statistics import nmad
from gdiv.velocity.mean_error import correlation_length

__all__ = [
    "add_errors",
    "coverage",
    "season_check",
    "speed_error",
]

#: Minimum number of pixels for comparing season pairs, and candidate ratios of their speeds.
MIN_PIXELS = 200
RATIOS = (0.3, 3.0)
#: Minimum number of pairs at a pixel for a meaningful spread.
MIN_SPREAD_PAIRS = 3
#: Correction factors of the NMAD of 0, 1, ... 9 values; undefined for fewer than two.
NMAD_CORRECTIONS = (1, 1, 1.196, 1.495, 1.363, 1.206, 1.2, 1.14, 1.129, 1.107)
#: Minimum speed, m/yr, to avoid division by zero.
MIN_SPEED = 1e-6


def add_errors(
    mosaic: xr.Dataset, ice: Mask, stable: Mask, repeat: xr.Dataset | None = None
) -> xr.Dataset:
    """Add the uncertainty of each component and of the speed to a mosaic.

    Parameters
    ----------
    mosaic : xarray.Dataset
        ``vx``, ``vy``, ``spread_x``, ``spread_y`` (m/yr) and ``count`` with dimensions ``(y, x)``,
        from `gdiv.velocity.annual.combine_pairs`, and ``sigma_x`` and ``sigma_y``, the standard
        error of one pair (m/yr). Without these, the common part of the errors is missing.
    ice, stable : ndarray of bool, shape (H, W)
        Ice and stable ground.
    repeat : xarray.Dataset, optional
        Mosaic of another season pair with errors, preferably from a matcher with independent
        errors.

    Returns
    -------
    xarray.Dataset
        The mosaic with ``vx_error``, ``vy_error`` and ``v_error`` (1 sigma, m/yr); NaN where the
        mosaic is NaN or the errors cannot be estimated. With a comparable second season pair, the
        attributes ``season_change`` and ``error_factor`` are those of `season_check`, and
        ``correlation_length`` (m) is that of the remaining difference.

    Raises
    ------
    ValueError
        If `repeat` or a mask is on another grid, or `repeat` has no errors.

    Notes
    -----
    Half of the pairs count as independent, because pairs share scenes. The NMAD is corrected for
    small numbers of pairs. It is itself uncertain, so independent errors are overestimated where
    there are few pairs. Without errors of the pairs, the apparent velocity of stable ground is
    added in quadrature; the errors of `gdiv.match_pairs` include it. The uncertainty of the speed
    follows by propagation: ``sqrt((sx * vx / v)**2 + (sy * vy / v)**2)``.

    Examples
    --------
    Eight pairs, four of them independent, with a spread of 2 m/yr and a stated error of 3.5 m/yr:

    >>> axes = ("y", "x")
    >>> names = ("vx", "vy", "spread_x", "spread_y")
    >>> mosaic = xr.Dataset({name: (axes, np.full((2, 2), 2.0)) for name in names})
    >>> mosaic["count"] = (axes, np.full((2, 2), 8))
    >>> ice = np.ones((2, 2), bool)
    >>> round(float(add_errors(mosaic, ice, stable=~ice).vx_error.mean()), 2)
    1.36
    >>> stated = mosaic.assign(sigma_x=mosaic.vx + 1.5, sigma_y=mosaic.vx + 1.5)
    >>> round(float(add_errors(stated, ice, stable=~ice).vx_error.mean()), 2)
    2.58
    """
    _check_grids(mosaic, ice, stable, repeat)
    if repeat is not None:
        mosaic, repeat = xr.align(mosaic, repeat, join="exact")
    result = mosaic.copy()
    for axis in "xy":
        error = _component_error(mosaic, axis, stable)
        valid = mosaic.vx.notnull() & (error > 0)
        error = np.where(valid, error, np.nan).astype(np.float32)
        attributes = {"units": "meter/year", "long_name": f"uncertainty (1 sigma) of v{axis}"}
        result[f"v{axis}_error"] = (("y", "x"), error, attributes)
    if repeat is not None:
        change, factor = season_check(result, repeat, ice)
        if np.isfinite(factor):
            for axis in "xy":
                result[f"v{axis}_error"] *= np.float32(max(factor, 1))
            difference = mosaic[["vx", "vy"]] - (1 + change) * repeat[["vx", "vy"]]
            result.attrs |= {
                "season_change": change,
                "error_factor": factor,
                "correlation_length": correlation_length(difference, ice),
            }
    result["v_error"] = speed_error(result)
    return result


def _check_grids(mosaic: xr.Dataset, ice: Mask, stable: Mask, repeat: xr.Dataset | None) -> None:
    """Raise a ValueError unless masks and the second mosaic have the shape of the mosaic."""
    shapes = {"ice": ice.shape, "stable": stable.shape}
    if repeat is not None:
        if "vx_error" not in repeat:
            raise ValueError("repeat has no errors; pass it through add_errors first")
        shapes["repeat"] = repeat.vx.shape
    for name, shape in shapes.items():
        if shape != mosaic.vx.shape:
            raise ValueError(
                f"{name} is on a grid of {shape}, but the mosaic is on a grid of {mosaic.vx.shape}"
            )


def _component_error(mosaic: xr.Dataset, axis: str, stable: Mask) -> Image:
    """Standard error of one component, m/yr."""
    independent = np.maximum(mosaic["count"].values / 2, 1)
    spread = _component_spread(mosaic, axis) * _spread_correction(independent)
    variance = spread**2 / independent
    if f"sigma_{axis}" in mosaic:
        # These include the excess error on stable ground of each pair.
        common = np.maximum(mosaic[f"sigma_{axis}"].values ** 2 - spread**2, 0)
        return np.sqrt(variance + common)
    ground = nmad(mosaic[f"v{axis}"].values[stable], 0)
    return np.sqrt(variance + np.nan_to_num(ground) ** 2)


def _spread_correction(count: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Small-sample correction factor of the NMAD, by the number of values.

    From Croux and Rousseeuw (1992), https://doi.org/10.1007/978-3-662-26811-7_58.
    """
    table = np.interp(count, np.arange(len(NMAD_CORRECTIONS)), NMAD_CORRECTIONS)
    uses_formula = count > len(NMAD_CORRECTIONS) - 1
    return np.where(uses_formula, count / np.where(uses_formula, count - 0.8, 1), table)


def season_check(first: xr.Dataset, second: xr.Dataset, where: Mask) -> tuple[float, float]:
    """Check the errors of two season pairs against their difference.

    A change in ice speed is about the same fraction everywhere, so one common factor is removed
    from the difference. Motion underestimated by only one of the matchers contributes to that
    factor as well.

    Parameters
    ----------
    first, second : xarray.Dataset
        Mosaics with errors, from `add_errors`.
    where : ndarray of bool, shape (H, W)
        Pixels to compare, usually ice.

    Returns
    -------
    change : float
        Fraction by which the first season pair is faster, chosen to minimise the difference.
    factor : float
        Robust standard deviation of the remaining difference, in units of the combined errors;
        NaN, like `change`, if fewer than 200 pixels can be compared.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> axes = ("y", "x")
    >>> noise = rng.normal(size=(4, 40, 40))
    >>> first, second = (
    ...     xr.Dataset(
    ...         {
    ...             "vx": (axes, speed + noise[2 * n]),
    ...             "vy": (axes, noise[2 * n + 1]),
    ...             "vx_error": (axes, np.ones((40, 40))),
    ...             "vy_error": (axes, np.ones((40, 40))),
    ...         }
    ...     )
    ...     for n, speed in enumerate((55.0, 50.0))
    ... )
    >>> change, factor = season_check(first, second, np.ones((40, 40), bool))
    >>> round(change, 1), round(factor)
    (0.1, 1)
    """
    components = [
        [mosaic[name].values[where] for name in ("vx", "vy", "vx_error", "vy_error")]
        for mosaic in (first, second)
    ]
    is_valid = np.isfinite(components).all((0, 1))
    if is_valid.sum() < MIN_PIXELS:
        return float("nan"), float("nan")
    one, other = np.array(components)[..., is_valid]

    def difference(ratio: float) -> npt.NDArray[np.floating]:
        """Difference for a ratio of all speeds, in units of the combined errors."""
        return (one[:2] - ratio * other[:2]) / np.hypot(one[2:], ratio * other[2:])

    # Both season pairs have errors, so neither is regressed on the other (Deming 1943).
    found = optimize.minimize_scalar(
        lambda ratio: np.abs(difference(ratio)).mean(), bounds=RATIOS, method="bounded"
    )
    return float(found.x - 1), nmad(difference(found.x), 0)


def speed_error(mosaic: xr.Dataset) -> xr.DataArray:
    """Propagate the errors of the components to the speed.

    Parameters
    ----------
    mosaic : xarray.Dataset
        ``vx``, ``vy``, ``vx_error`` and ``vy_error`` in m/yr.

    Returns
    -------
    xarray.DataArray
        Error of the speed (1 sigma) in m/yr.
    """
    speed = np.maximum(np.hypot(mosaic.vx, mosaic.vy), MIN_SPEED)
    east = mosaic.vx_error * mosaic.vx / speed
    north = mosaic.vy_error * mosaic.vy / speed
    error = np.sqrt(east**2 + north**2).astype(np.float32)
    return error.assign_attrs(units="meter/year", long_name="uncertainty (1 sigma) of the speed")


def coverage(error: npt.NDArray[np.floating], sigma: npt.NDArray[np.floating]) -> float:
    """Compute the fraction of errors within one sigma.

    Parameters
    ----------
    error : ndarray
        Errors; NaN is ignored.
    sigma : ndarray
        Stated sigma of each error.

    Returns
    -------
    float
        Fraction; 0.68 if the sigmas are well calibrated; NaN without values.

    Examples
    --------
    >>> round(coverage(np.array([0.5, -0.5, 2.0, np.nan]), np.ones(4)), 2)
    0.67
    """
    valid = np.isfinite(error) & np.isfinite(sigma)
    if not valid.any():
        return float("nan")
    return float((np.abs(error[valid]) <= sigma[valid]).mean())


def _component_spread(mosaic: xr.Dataset, axis: str) -> Image:
    """Spread of one component over the pairs.

    Pixels with fewer than three vectors have no meaningful spread; they take the median of the
    others.
    """
    enough = mosaic["count"] >= MIN_SPREAD_PAIRS
    spread = mosaic[f"spread_{axis}"]
    typical = float(spread.where(enough).median()) if bool(enough.any()) else 0.0
    return spread.where(enough, typical).values
