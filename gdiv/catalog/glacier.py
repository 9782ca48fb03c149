"""Glaciers of the catalog: where they are, when they are compared, and their synthetic twins."""

from typing import Annotated, Self

from pydantic import Field, PositiveFloat, model_validator

from gdiv.catalog.entries import Entry, Latitude, Longitude, Pairing, Season, Year

__all__ = ["Branch", "Glacier", "Stake", "TwinDescription", "Years"]


class Years(Entry):
    """Season years; each list names the reference and the secondary season.

    Under the interval rule, whose pairs lie within one season, each list names one year.
    """

    train: Annotated[list[Year], Field(min_length=1, max_length=2)] = Field(
        description="season years of the training pairs"
    )
    validation: Annotated[list[Year], Field(min_length=1, max_length=2)] = Field(
        description="season years of the validation pairs"
    )


class Stake(Entry):
    """Stake in the ice, surveyed every year."""

    name: str = Field(description="name of the stake")
    lon: Longitude = Field(description="longitude, degrees east")
    lat: Latitude = Field(description="latitude, degrees north")
    speed: dict[int, Annotated[float, Field(ge=0, le=20000)]] = Field(
        description="speed by year of the second survey, m/yr"
    )
    source: str = Field(description="origin of the measurements")


class Branch(Entry):
    """Stream of ice of the synthetic twin."""

    name: str = Field(description="name of the branch")
    points: Annotated[
        list[tuple[Longitude, Latitude, PositiveFloat, Annotated[float, Field(ge=0)]]],
        Field(min_length=3),
    ] = Field(
        description="points down the centreline: longitude, latitude, half width (m), speed (m/yr)"
    )
    ogives: bool = Field(False, description="whether an icefall marks the surface with ogives")
    debris: Annotated[float, Field(ge=0, le=1)] = Field(
        0.2, description="debris-covered fraction of the surface"
    )


class TwinDescription(Entry):
    """Description of the synthetic twin of a glacier: a sketch, not a map."""

    branches: Annotated[list[Branch], Field(min_length=1)] = Field(
        description="streams of ice, which merge where they meet"
    )
    elevation: tuple[float, float] = Field(
        description="elevation of the ice surface at the terminus and at the head, m"
    )
    relief: PositiveFloat = Field(800, description="height of the valley walls above the ice, m")
    snow_line: float = Field(
        description="elevation of the snow line in the middle of the season, m"
    )
    years: Annotated[list[Year], Field(min_length=1, max_length=5)] = Field(
        description="season years to render"
    )


class Glacier(Entry):
    """One glacier."""

    label: str = Field(description="name of the glacier")
    country: str = Field(description="country of the glacier")
    rgi: str | None = Field(
        None, description="identifier in the Randolph Glacier Inventory 6; omit it if there is none"
    )
    outline: str | None = Field(
        None, description="URL or file of outlines, read if the source has none"
    )
    bbox: tuple[Longitude, Latitude, Longitude, Latitude] = Field(
        description="west, south, east, north, degrees"
    )
    epsg: Annotated[int, Field(ge=32601, le=32760, description="EPSG code of the study's UTM zone")]
    tile: Annotated[str, Field(pattern=r"^\d{2}[C-X][A-Z]{2}$")] | None = Field(
        None, description="MGRS tile; needed only if scenes of several tiles cover the glacier"
    )
    season: Season = Field(description="part of the year in which the ice is free of snow")
    pairing: Pairing = Field(description="rule by which scenes are paired")
    years: Years = Field(description="season years of training and validation")
    speed: tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(gt=0)]] = Field(
        description="expected range of speed, m/yr; sets the colour limits"
    )
    stakes: list[Stake] = Field([], description="stakes surveyed every year")
    twin: TwinDescription | None = Field(None, description="synthetic twin, if there is one")
    references: list[str] = Field([], description="publications about the glacier")

    @model_validator(mode="after")
    def _check_box(self) -> Self:
        """Check the order of the sides of the box."""
        west, south, east, north = self.bbox
        if west >= east or south >= north:
            raise ValueError(
                f"bbox must be [west, south, east, north] with west < east and south < north, "
                f"got {list(self.bbox)}"
            )
        return self

    @model_validator(mode="after")
    def _check_speed(self) -> Self:
        """Check the order of the range of speed."""
        if self.speed[0] >= self.speed[1]:
            raise ValueError(f"speed must be [min, max] with min < max, got {list(self.speed)}")
        return self

    @model_validator(mode="after")
    def _check_years(self) -> Self:
        """Check that there are as many season years as the pairing rule compares."""
        rule = self.pairing.rule
        needed = 1 if rule == "interval" else 2
        for key in ("train", "validation"):
            years = getattr(self.years, key)
            if len(years) != needed:
                raise ValueError(
                    f"years.{key} needs {needed} season year(s) under the {rule} rule, got {years}"
                )
        return self
