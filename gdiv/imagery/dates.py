"""Find the date of a scene in the name of its file, as each provider writes it."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

__all__ = ["date_in_name"]

#: Year of the first Landsat with today's bands; a smaller number in a name is not a year.
FIRST_YEAR = 1982
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


def _calendar(match: re.Match[str]) -> datetime:
    """Date from the named groups of a match."""
    month = match["month"]
    number = MONTHS.index(month.upper()) + 1 if month.isalpha() else int(month)
    return datetime(_full_year(match["year"]), number, int(match["day"])) + _time_of_day(match)


def _day_of_year(match: re.Match[str]) -> datetime:
    """Date from a year and the number of a day in it."""
    first = datetime(_full_year(match["year"]), 1, 1)
    date = first + timedelta(days=int(match["number"]) - 1)
    if date.year != first.year:
        raise ValueError(f"{match['number']} is not a day of {first.year}")
    return date + _time_of_day(match)


def _time_of_day(match: re.Match[str]) -> timedelta:
    """Time since midnight; none where the name has no time."""
    fields = match.groupdict()
    hours, minutes, seconds = (int(fields.get(n) or 0) for n in ("hour", "minute", "second"))
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _full_year(text: str) -> int:
    """Year with four digits; two digits, as in WorldView names, belong to this century."""
    return int(text) + (2000 if len(text) == 2 else 0)


YEAR = r"(?P<year>(?:19|20)\d\d)"
TIME = r"(?P<hour>[01]\d|2[0-3])(?P<minute>[0-5]\d)(?P<second>[0-5]\d)"
#: Patterns in the order in which they are tried, and the functions that parse them.
PATTERNS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], datetime]], ...] = (
    # ASTER: AST_L1T_00308032020102559_..., month before year.
    (
        re.compile(
            rf"AST_\w{{3,5}}_\d{{3}}(?P<month>\d\d)(?P<day>\d\d){YEAR}{TIME}", re.IGNORECASE
        ),
        _calendar,
    ),
    # Sentinel-2, Landsat, Planet, SkySat and most others: 20200803, 2020-08-03, 20200803_102559.
    (
        re.compile(
            rf"(?<!\d){YEAR}(?P<break>[-_]?)(?P<month>0[1-9]|1[0-2])(?P=break)"
            rf"(?P<day>0[1-9]|[12]\d|3[01])(?!\d)(?:[T_]{TIME}(?!\d))?"
        ),
        _calendar,
    ),
    # Landsat before Collection 1: LC81970282020213LGN00.
    (
        re.compile(rf"(?<![A-Za-z0-9])L[COETM]\d\d{{6}}{YEAR}(?P<number>\d{{3}})[A-Z]{{3}}"),
        _day_of_year,
    ),
    # HLS and MODIS: HLS.S30.T32TLR.2020216T102559.v2.0, MOD09GA.A2020216.
    (re.compile(rf"(?<!\d){YEAR}(?P<number>\d{{3}})(?:T{TIME})?(?!\d)"), _day_of_year),
    # WorldView and QuickBird: 20AUG03102559-P2AS-...
    (
        re.compile(
            rf"(?<![A-Za-z0-9])(?P<year>\d\d)(?P<month>{'|'.join(MONTHS)})(?P<day>\d\d)"
            rf"(?:{TIME})?(?!\d)",
            re.IGNORECASE,
        ),
        _calendar,
    ),
    # SPOT 6 and Pléiades: IMG_PHR1A_P_202008031025593_..., date and time without a separator.
    (
        re.compile(rf"(?<!\d){YEAR}(?P<month>\d\d)(?P<day>\d\d){TIME}\d{{0,3}}(?!\d)"),
        _calendar,
    ),
)


def date_in_name(stem: str) -> datetime | None:
    """Find the first plausible acquisition date in a name.

    Parameters
    ----------
    stem : str
        Name of a file without its suffix.

    Returns
    -------
    datetime or None
        Date, with the time of day if the name has one; None if there is no date.

    Examples
    --------
    >>> date_in_name("20200731_142233_1003").isoformat()
    '2020-07-31T14:22:33'
    >>> date_in_name("HLS.S30.T32TLR.2020216T102559.v2.0").isoformat()
    '2020-08-03T10:25:59'
    >>> date_in_name("scene_197012") is None
    True
    """
    for pattern, read in PATTERNS:
        for match in pattern.finditer(stem):
            try:
                moment = read(match)
            except ValueError:
                continue
            if moment.year >= FIRST_YEAR:
                return moment
    return None
