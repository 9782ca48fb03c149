"""Base of all entries of the catalog, and the rules for seasons and for pairs of scenes."""

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

__all__ = [
    "CatalogError",
    "Entry",
    "Latitude",
    "Longitude",
    "MonthDay",
    "Pairing",
    "Season",
    "Year",
]

#: Any year without 29 February, to check that a day exists in every year.
COMMON_YEAR = 2001
#: Minimum length of a season, days.
SHORTEST_SEASON = 7

Longitude = Annotated[float, Field(ge=-180, le=180, description="degrees east")]
Latitude = Annotated[float, Field(ge=-90, le=90, description="degrees north")]
MonthDay = Annotated[
    str, Field(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$", description="MM-DD")
]
Year = Annotated[int, Field(ge=1972, le=2100, description="season year; Landsat began in 1972")]


class CatalogError(ValueError):
    """Raised for an invalid catalog or an unknown name; the message lists the valid choices."""


class Entry(BaseModel):
    """Mapping of the YAML file; errors about unknown or missing keys list the valid keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _check_keys(cls, value: Any) -> Any:
        """Check that the value is a map with all required keys and no unknown ones."""
        allowed = ", ".join(cls.model_fields)
        if not isinstance(value, dict):
            raise ValueError(f"must be a mapping with the keys {allowed}, got {value!r}")
        flags = [name for name, field in cls.model_fields.items() if field.annotation is bool]
        booleans = [str(key) for key, each in value.items() if each is True or each is False]
        wrong = [key for key in booleans if key in cls.model_fields and key not in flags]
        if wrong:
            raise ValueError(f"{', '.join(wrong)} must not be true or false")
        unknown = [str(key) for key in value if key not in cls.model_fields]
        if unknown:
            raise ValueError(f"unknown key {', '.join(unknown)}; allowed: {allowed}")
        required = [name for name, field in cls.model_fields.items() if field.is_required()]
        missing = [name for name in required if name not in value]
        if missing:
            raise ValueError(
                f"key {', '.join(missing)} is missing; required: {', '.join(required)}"
            )
        return value


class Season(Entry):
    """Part of the year in which the ice is free of snow."""

    start: MonthDay = Field(description="first day, MM-DD")
    end: MonthDay = Field(
        description="last day, MM-DD; a season that crosses New Year belongs to the year in which "
        "it ends"
    )

    @model_validator(mode="after")
    def _check_days(self) -> Self:
        """Check that both days exist in every year."""
        for key in ("start", "end"):
            day = getattr(self, key)
            try:
                _to_date(COMMON_YEAR, day)
            except ValueError:
                raise ValueError(f"{key} {day!r} does not exist in every year; use MM-DD") from None
        first, last = self.dates(COMMON_YEAR)
        if (last - first).days + 1 < SHORTEST_SEASON:
            raise ValueError(
                f"a season must have at least {SHORTEST_SEASON} days; {self.start} to {self.end} "
                f"has {(last - first).days + 1}"
            )
        return self

    def dates(self, year: int) -> tuple[date, date]:
        """Return the first and last day of a season.

        Parameters
        ----------
        year : int
            Season year: the year in which the season ends.

        Returns
        -------
        first, last : datetime.date
            Both days belong to the season.
        """
        first = _to_date(year, self.start)
        last = _to_date(year, self.end)
        if first > last:
            first = first.replace(year=year - 1)
        return first, last

    def year_of(self, day: date) -> int | None:
        """Return the season year of a day.

        Parameters
        ----------
        day : datetime.date
            Any day.

        Returns
        -------
        int or None
            Year in which the season of this day ends; None outside the season.
        """
        for year in (day.year, day.year + 1):
            first, last = self.dates(year)
            if first <= day <= last:
                return year
        return None


def _to_date(year: int, month_day: str) -> date:
    """Date of a day MM-DD in a year."""
    month, day = map(int, month_day.split("-"))
    return date(year, month, day)


class Pairing(Entry):
    """Rule by which scenes are paired."""

    rule: Literal["annual", "interval", "paper"] = Field(
        description="annual: scenes of consecutive seasons, same orbit, similar sun; interval: "
        "scenes a given number of days apart; paper: every scene of one season with every scene "
        "of the next"
    )
    days: tuple[PositiveInt, PositiveInt] | None = Field(
        None, description="interval: minimum and maximum number of days between the scenes"
    )
    day_of_year_difference: Annotated[int, Field(ge=0, le=182)] = Field(
        45,
        description="annual: maximum deviation of the time between the scenes from whole years, "
        "days",
    )
    sun_difference: Annotated[float, Field(gt=0, le=180)] = Field(
        20,
        description="maximum difference in solar azimuth, degrees; a change in illumination "
        "resembles motion",
    )

    @model_validator(mode="after")
    def _check_days(self) -> Self:
        """Check that pairs at an interval have a range of days."""
        if self.rule == "interval" and (self.days is None or self.days[0] > self.days[1]):
            raise ValueError(
                f"rule interval needs days: [min, max] with min <= max, got {self.days}"
            )
        return self
