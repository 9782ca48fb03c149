"""How far a mosaic may be off."""

import numpy as np
import xarray as xr

from gdiv.imagery.coregistration import nmad


def add_error(mosaic: xr.Dataset, stable: np.ndarray) -> xr.Dataset:
    """The mosaic with `vx_error`, `vy_error` and `v_error` (1 sigma, m/yr).

    A component's error joins the standard error of the median over the pairs (1.2533 spread / sqrt(count);
    pairs that share a scene are not independent, so half of them are counted) with what stable ground still
    shows after mosaicking. The speed's error follows by propagation: sqrt((sx vx / v)^2 + (sy vy / v)^2).
    """
    result = mosaic.copy()
    for axis in ("x", "y"):
        ground = nmad(mosaic[f"v{axis}"].values[stable])
        # Two values or one show no spread of their own: they get what is usual where there are more.
        spread = mosaic[f"spread_{axis}"]
        usual = float(spread.where(mosaic["count"] >= 3).median())
        spread = spread.where(mosaic["count"] >= 3, usual)
        independent = np.maximum(mosaic["count"] / 2, 1)
        sampling = 1.2533 * spread / np.sqrt(independent)
        error = np.sqrt(sampling**2 + (0 if np.isnan(ground) else ground) ** 2)
        result[f"v{axis}_error"] = error.astype(np.float32).assign_attrs(units="meter/year")
    v = np.maximum(np.hypot(result.vx, result.vy), 1e-6)
    error = np.sqrt((result.vx_error * result.vx / v) ** 2 + (result.vy_error * result.vy / v) ** 2)
    result["v_error"] = error.astype(np.float32).assign_attrs(units="meter/year", long_name="1 sigma of the speed")
    return result


def coverage(error: np.ndarray, sigma: np.ndarray) -> float:
    """Share of errors within one sigma; 0.68 for honest Gaussian sigmas."""
    known = np.isfinite(error) & np.isfinite(sigma)
    return float((np.abs(error[known]) <= sigma[known]).mean()) if known.any() else float("nan")
