"""Uncertainty of a mosaic, from the standard errors of its pairs.

The error of a pair has two parts. One differs from pair to pair: the spread of the pairs shows it,
and their mean has less of it. The other is common to all of them, because they see the same
texture, the same shear and the same change of the surface between two seasons: their mean keeps it.
The standard error of a pair, which the match states (`gdiv.flow.matchers.calibration`) and stable
ground completes (`gdiv.velocity.stable_ground`), has both, so what it has beyond the spread is
common.

A second season pair is a check. Its difference from the first, after a change of all speeds by one
factor is removed, must be as large as both errors say; if it is larger, those of the first are
raised. A bias that both share stays hidden.
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

#: Fewest pixels that seasons are compared on, and ratios of their speeds that are tried.
MIN_PIXELS = 200
RATIOS = (0.3, 3.0)
#: Fewest pairs at a pixel whose spread is meaningful.
MIN_SPREAD_PAIRS = 3
#: Factors by which the NMAD of 0, 1, ... 9 values is too small; of fewer than two there is none.
NMAD_CORRECTIONS = (1, 1, 1.196, 1.495, 1.363, 1.206, 1.2, 1.14, 1.129, 1.107)
#: Least speed to divide by, m/yr.
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
        error of one pair (m/yr). Without these the errors that all pairs share are missing.
    ice, stable : ndarray of bool, shape (H, W)
        Ice and stable ground.
    repeat : xarray.Dataset, optional
        Mosaic of another season pair with its errors, best by a matcher that errs in other ways.

    Returns
    -------
    xarray.Dataset
        The mosaic with ``vx_error``, ``vy_error`` and ``v_error`` (1 sigma, m/yr); NaN where the
        mosaic is NaN or nothing is available to estimate them from. With a second season that can
        be compared, the attributes ``season_change`` and ``error_factor`` are those of
        `season_check`, and ``correlation_length`` (m) is that of the difference that remains.

    Raises
    ------
    ValueError
        If `repeat` or a mask is on another grid, or `repeat` has no errors.

    Notes
    -----
    Half as many pairs as there are count as independent, because pairs share scenes; the NMAD of
    so few is corrected for their number. It is itself uncertain, so errors that are independent are
    overestimated where pairs are few. Without errors of the pairs, the apparent velocity of stable
    ground is added in quadrature; those of `gdiv.match_pairs` have it. The uncertainty of the
    speed follows by propagation: ``sqrt((sx * vx / v)**2 + (sy * vy / v)**2)``.

    Examples
    --------
    Eight pairs, of which four count as independent, have a spread of 2 m/yr and state 3.5 m/yr:

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
                f"{name} is on a grid of {shape}, the mosaic on one of {mosaic.vx.shape}"
            )


def _component_error(mosaic: xr.Dataset, axis: str, stable: Mask) -> Image:
    """Standard error of one component, m/yr."""
    independent = np.maximum(mosaic["count"].values / 2, 1)
    spread = _component_spread(mosaic, axis) * _spread_correction(independent)
    variance = spread**2 / independent
    if f"sigma_{axis}" in mosaic:
        # These have what stable ground shows of each pair.
        common = np.maximum(mosaic[f"sigma_{axis}"].values ** 2 - spread**2, 0)
        return np.sqrt(variance + common)
    ground = nmad(mosaic[f"v{axis}"].values[stable], 0)
    return np.sqrt(variance + np.nan_to_num(ground) ** 2)


def _spread_correction(count: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Factor by which the NMAD of a few values is too small, by their number.

    From Croux and Rousseeuw (1992), https://doi.org/10.1007/978-3-662-26811-7_58.
    """
    table = np.interp(count, np.arange(len(NMAD_CORRECTIONS)), NMAD_CORRECTIONS)
    many = count > len(NMAD_CORRECTIONS) - 1
    return np.where(many, count / np.where(many, count - 0.8, 1), table)


def season_check(first: xr.Dataset, second: xr.Dataset, where: Mask) -> tuple[float, float]:
    """Check the errors of two seasons by their difference.

    Ice that speeds up does so by about the same fraction everywhere, so one factor is taken out of
    the difference. Motion that one matcher loses and the other does not is part of that factor,
    too.

    Parameters
    ----------
    first, second : xarray.Dataset
        Mosaics with errors, from `add_errors`.
    where : ndarray of bool, shape (H, W)
        Pixels to compare, usually ice.

    Returns
    -------
    change : float
        Fraction by which the first season is faster: the one that leaves the least difference.
    factor : float
        Robust standard deviation of the difference that remains, in units of what both errors
        state together; NaN, like `change`, if fewer than 200 pixels can be compared.

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
    known = np.isfinite(components).all((0, 1))
    if known.sum() < MIN_PIXELS:
        return float("nan"), float("nan")
    one, other = np.array(components)[..., known]

    def difference(ratio: float) -> npt.NDArray[np.floating]:
        """Difference of the seasons if all speeds change by a ratio, in units of both errors."""
        return (one[:2] - ratio * other[:2]) / np.hypot(one[2:], ratio * other[2:])

    # Both seasons have errors, so neither is regressed on the other (Deming 1943).
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
        Errors; NaN is left out.
    sigma : ndarray
        Stated sigma of each error.

    Returns
    -------
    float
        0.68 if the sigmas are well calibrated; NaN without values.

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

    Fewer than three vectors have no meaningful spread; they get the median of the other pixels.
    """
    enough = mosaic["count"] >= MIN_SPREAD_PAIRS
    spread = mosaic[f"spread_{axis}"]
    typical = float(spread.where(enough).median()) if bool(enough.any()) else 0.0
    return spread.where(enough, typical).values
