"""Signs, axes and constants that all of gdiv shares.

- Images are ``(y, x)`` with y descending. Coordinates are pixel centres in one projected CRS.
- Displacement ``u, v`` is in pixels from the reference (earlier) to the secondary (later) image,
  along columns and along rows: ``secondary(x + u, y + v) = reference(x, y)``.
- Velocity ``vx, vy`` is in m/yr, positive east and north: ``vx = u * spacing / years`` and
  ``vy = -v * spacing / years``.
- NaN is no data. Masks are boolean.
- Speeds are computed from averaged components and never averaged themselves.
- Every random choice takes a seed.
"""

__all__ = ["DAYS_PER_YEAR", "MAX_BRIGHTNESS"]

#: Days in a Julian year, the year of every velocity.
DAYS_PER_YEAR = 365.25
#: Larger absolute values count as no data. Common fill values, such as the largest float32
#: (3.4e38) and 1e20, exceed this limit; physical brightness on any scale does not.
MAX_BRIGHTNESS = 1e15
