"""Clock of the twin's ice: seasonal variation and trend of the speed.

The speed at every point is that of the catalog multiplied by a time-dependent factor,
``1 + trend t + amplitude cos(2 pi (t - peak))`` with `t` in years. The ice follows the same paths
as in a steady field, and only the rate changes, so that displacement remains exact.
"""

from typing import NamedTuple

import numpy as np

from gdiv.catalog import Glacier
from gdiv.conventions import DAYS_PER_YEAR
from gdiv.twin.inputs import require_description

__all__ = ["Clock", "clock_of"]

#: Fraction of the melt season at maximum speed; meltwater reaches the bed early in summer.
PEAK = 0.2


class Clock(NamedTuple):
    """Factor of the speed over time.

    Attributes
    ----------
    middle : float
        Ordinal day on which the trend crosses the mean speed.
    peak : float
        Ordinal day of the seasonal maximum in one of the years.
    trend : float
        Change of the factor per year.
    amplitude : float
        Amplitude of the season.
    """

    middle: float
    peak: float
    trend: float
    amplitude: float

    def ice_years(self, first: float, last: float) -> float:
        """Compute the years of motion at mean speed between two days.

        Parameters
        ----------
        first, last : float
            Ordinal days.

        Returns
        -------
        float
            Years; negative if `last` is earlier.

        Examples
        --------
        >>> steady = Clock(middle=0, peak=0, trend=0, amplitude=0)
        >>> steady.ice_years(0, 365.25)
        1.0
        """
        return self._integral(last) - self._integral(first)

    def _integral(self, day: float) -> float:
        """Integral of the factor from the middle to a day, years."""
        years = (day - self.middle) / DAYS_PER_YEAR
        phase = 2 * np.pi * (day - self.peak) / DAYS_PER_YEAR
        return float(
            years + self.trend / 2 * years**2 + self.amplitude / (2 * np.pi) * np.sin(phase)
        )


def clock_of(glacier: Glacier) -> Clock:
    """Make the clock of a glacier's twin; the trend equals the catalog's speed mid-season.

    Parameters
    ----------
    glacier : Glacier
        Entry of the catalog, with a description of its twin.

    Returns
    -------
    Clock
        Factor of the speed over time.
    """
    twin = require_description(glacier)
    conditions = twin.conditions
    first, last = glacier.season.dates(twin.years[len(twin.years) // 2])
    length = (last - first).days
    return Clock(
        middle=first.toordinal() + length / 2,
        peak=first.toordinal() + PEAK * length,
        trend=conditions.speed_trend,
        amplitude=conditions.seasonal_speed,
    )
