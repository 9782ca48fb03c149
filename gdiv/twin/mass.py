"""Thickness, thinning and surface mass balance of the twin, consistent with mass conservation.

``b = div(gamma H u) + dh/dt``: surface mass balance `b`, thickness `H`, surface velocity `u` and
change of the surface ``dh/dt`` (Cuffey and Paterson 2010, The Physics of Glaciers, section 8.5.5).
The thickness of each stream follows from the ice flux, its width and its speed, for a balance that
increases with elevation. The balance on the grid is then computed from this equation and averaged
over 100 m.
"""

import numpy as np
from scipy import ndimage
from scipy.integrate import cumulative_trapezoid

from gdiv.catalog import TwinDescription
from gdiv.images.arrays import Component, Image, Mask, Series

__all__ = ["centre_thickness", "mass_balance"]

#: Depth-averaged velocity relative to surface velocity, between 0.8 for pure deformation and 1 for
#: pure sliding.
DEPTH_FACTOR = 0.9
#: Thickness at the head of a stream relative to its half-width.
HEAD_RATIO = 0.45
#: Minimum flux of a stream relative to its head, so that a tongue does not vanish.
MIN_FLUX = 0.05
#: Mass-balance gradient, 1/yr, typical of Alpine glacier tongues.
BALANCE_GRADIENT = 0.007
#: Integral of thickness times speed, relative to the centre, over a parabolic cross-section in
#: half-widths, for a fourth-power speed profile.
SECTION = 4 / 3
SECTION_LOSS = 2 / 5 - 2 / 7
#: Smoothing of the balance, m.
SMOOTHING = 100.0


def centre_thickness(
    distance: Series, half_width: Series, speed: Series, twin: TwinDescription
) -> Series:
    """Compute the thickness on a centreline from the ice flux implied by the mass balance.

    Parameters
    ----------
    distance, half_width : ndarray, shape (N,)
        Distance down the centreline and half-width, m.
    speed : ndarray, shape (N,)
        Speed on the centreline, m/yr.
    twin : TwinDescription
        Elevations of head and foot, snow line and thinning.

    Returns
    -------
    ndarray, shape (N,)
        Thickness in metres.
    """
    conditions = twin.conditions
    foot, head = twin.elevation
    fraction = distance / distance[-1]
    elevation = head - (head - foot) * fraction
    balance = BALANCE_GRADIENT * (elevation - twin.snow_line) + conditions.thinning * fraction
    section = DEPTH_FACTOR * (SECTION - (1 - conditions.margin_slip) * SECTION_LOSS)
    per_thickness = section * half_width * np.maximum(speed, 1)
    inflow = HEAD_RATIO * half_width[0] * per_thickness[0]
    flux = inflow + cumulative_trapezoid(2 * half_width * balance, distance, initial=0)
    return np.maximum(flux, MIN_FLUX * inflow) / per_thickness


def mass_balance(
    vx: Component, vy: Component, thickness: Image, thinning: Image, mask: Mask, spacing: float
) -> Image:
    """Compute the surface mass balance that conserves mass.

    Parameters
    ----------
    vx, vy : ndarray, shape (H, W)
        Velocity of the surface in m/yr, east and north. Rows run south.
    thickness : ndarray, shape (H, W)
        Thickness in metres.
    thinning : ndarray, shape (H, W)
        Thinning in m/yr, positive where the surface sinks.
    mask : ndarray of bool, shape (H, W)
        Ice.
    spacing : float
        Size of a pixel in metres.

    Returns
    -------
    ndarray, shape (H, W)
        Balance in metres of ice per year, averaged over `SMOOTHING`; 0 off the ice.

    Examples
    --------
    A longitudinal strain rate of 0.1 per year requires accumulation:

    >>> mask = np.ones((64, 64), bool)
    >>> vx = np.tile(0.1 * 10 * np.arange(64.0), (64, 1))
    >>> balance = mass_balance(vx, 0 * vx, 100 + 0 * vx, 0 * vx, mask, 10.0)
    >>> round(float(balance[32, 32]), 6)
    9.0
    """
    flux_east = DEPTH_FACTOR * thickness * vx
    flux_north = DEPTH_FACTOR * thickness * vy
    divergence = np.gradient(flux_east, spacing, axis=1) - np.gradient(flux_north, spacing, axis=0)
    smooth = ndimage.gaussian_filter(divergence, SMOOTHING / spacing, mode="nearest")
    return (smooth - thinning) * mask
