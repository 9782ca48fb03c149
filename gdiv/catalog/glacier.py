"""Glaciers of the catalog: position, season years and synthetic twins."""

import math
from typing import Annotated, Self

import pyproj
from pydantic import Field, PositiveFloat, model_validator

from gdiv.catalog.entries import Entry, Latitude, Longitude, Pairing, Season, Year

__all__ = ["Branch", "Front", "Glacier", "Stake", "TwinConditions", "TwinDescription", "Years"]

#: Length of a degree of latitude, and minimum and maximum side of a study's box, kilometres.
KM_PER_DEGREE = 111.2
SMALLEST_BOX = 0.2
LARGEST_BOX = 400.0
#: Width of a UTM zone, degrees; a study may use the neighbouring zone.
UTM_ZONE_WIDTH = 6.0


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

    @property
    def seasons(self) -> list[int]:
        """All season years, each once."""
        return sorted({*self.train, *self.validation})


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
    ogives: bool = Field(False, description="whether an icefall forms ogives on the surface")
    debris: Annotated[float, Field(ge=0, le=1)] = Field(
        0.2, description="debris-covered fraction of the surface"
    )


class Front(Entry):
    """Calving front of the synthetic twin, with ice mélange in the fjord beyond it."""

    position: Annotated[float, Field(gt=0, lt=1)] = Field(
        description="position on the centreline at the middle of the rendered period, 0 to 1"
    )
    advance: float = Field(
        0, description="speed at which the front moves down the centreline, m/yr; negative: retreat"
    )
    drift: Annotated[float, Field(ge=0)] = Field(
        description="distance that the mélange drifts between two scenes, sigma, m"
    )


class TwinConditions(Entry):
    """Difficulties of the synthetic twin; each is switched off by zero, false or null.

    The defaults were calibrated on real scenes; `docs/twin.md` compares them.
    """

    seasonal_speed: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.15, description="amplitude of the seasonal speed, relative to the mean"
    )
    speed_trend: Annotated[float, Field(gt=-0.2, lt=0.2)] = Field(
        0.02, description="change of the speed from year to year, relative to the mean"
    )
    thinning: Annotated[float, Field(ge=0)] = Field(
        3.0,
        description="thinning at the terminus, m/yr; scenes are rectified with terrain models of "
        "earlier years, so that thinned ice appears to move",
    )
    jitter: Annotated[float, Field(ge=0)] = Field(
        0.14, description="mis-registration that varies along the track, sigma, pixels"
    )
    stripes: Annotated[float, Field(ge=0)] = Field(
        0.001, description="stripes of the detectors, sigma, reflectance"
    )
    class_errors: Annotated[float, Field(ge=0, lt=0.5)] = Field(
        0.02, description="fraction of the scene covered by misclassified patches"
    )
    ground_change: Annotated[float, Field(ge=0)] = Field(
        0.22, description="change of stable ground between scenes, sigma of log-brightness"
    )
    ice_change: Annotated[float, Field(ge=0)] = Field(
        0.1, description="change of ice within a season and between years, defined as ground_change"
    )
    opening_crevasses: bool = Field(True, description="whether crevasses open and close")
    outline_age: Annotated[float, Field(ge=0)] = Field(
        15, description="age of the outline, years, during which the ice has shrunk"
    )
    band_light: bool = Field(
        True, description="whether each band has its own sky light in shadow and its own noise"
    )
    margin_slip: Annotated[float, Field(ge=0, le=1)] = Field(
        0.3,
        description="fractions of the speed that remain at a margin in spite of drag: in the "
        "profile of each stream, and near the outline",
    )
    front: Front | None = Field(None, description="calving front, if the glacier has one")


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
    conditions: TwinConditions = Field(
        default_factory=TwinConditions.model_construct, description="difficulties of the twin"
    )


class Glacier(Entry):
    """One glacier."""

    label: str = Field(description="name of the glacier")
    country: str = Field(description="country of the glacier")
    rgi: str | None = Field(
        None, description="identifier in the Randolph Glacier Inventory 6; omit it if there is none"
    )
    outline: str | None = Field(
        None, description="URL or file of outlines, used if the source has none"
    )
    dem: str | None = Field(
        None,
        description="terrain model used to flag motion against the slope: a GeoTIFF or a "
        "STAC collection, such as "
        "https://earth-search.aws.element84.com/v1/collections/cop-dem-glo-30",
    )
    bbox: tuple[Longitude, Latitude, Longitude, Latitude] = Field(
        description="west, south, east, north, degrees; west exceeds east across 180 degrees"
    )
    epsg: int | None = Field(
        None, description="EPSG code of the study's projection in metres, such as a UTM zone"
    )
    wkt: str | None = Field(
        None, description="projection in metres as WKT, where it has no EPSG code"
    )
    tile: Annotated[str, Field(pattern=r"^\d{2}[C-X][A-Z]{2}$")] | None = Field(
        None,
        description="MGRS tile to which scenes are limited; without it, tiles of one acquisition "
        "are mosaicked where no tile covers the whole box",
    )
    season: Season = Field(description="part of the year in which the ice is free of snow")
    pairing: Pairing = Field(description="rule by which scenes are paired")
    years: Years = Field(description="season years of training and validation")
    max_cloud: Annotated[float, Field(ge=0, le=100)] = Field(
        15, description="maximum cloud cover of a whole scene without a mask, percent"
    )
    speed: tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(gt=0)]] = Field(
        description="expected range of speed, m/yr; sets the colour limits"
    )
    stakes: list[Stake] = Field([], description="stakes surveyed every year")
    twin: TwinDescription | None = Field(None, description="synthetic twin, if there is one")
    references: list[str] = Field([], description="publications about the glacier")

    @property
    def crs(self) -> int | str:
        """Projection of the study: its EPSG code, or WKT."""
        return self.epsg or self.wkt or ""

    @property
    def centre(self) -> tuple[float, float]:
        """Longitude and latitude of the middle of the box, degrees."""
        west, south, east, north = self.bbox
        middle = (west + east) / 2
        if west > east:
            middle += 180 if middle <= 0 else -180
        return middle, (south + north) / 2

    @model_validator(mode="after")
    def _check_projection(self) -> Self:
        """Check that there is one projection, in metres."""
        if (self.epsg is None) == (self.wkt is None):
            raise ValueError("give exactly one projection: epsg, or wkt if it has no EPSG code")
        name = "wkt" if self.epsg is None else f"epsg {self.epsg}"
        try:
            crs = pyproj.CRS.from_user_input(self.crs)
        except pyproj.exceptions.CRSError as error:
            raise ValueError(f"{name} cannot be read: {error}") from None
        units = {axis.unit_name for axis in crs.axis_info}
        if not crs.is_projected or units != {"metre"}:
            raise ValueError(
                f"{name} is {crs.name}, in {', '.join(sorted(units))}; a projection in metres is "
                f"needed"
            )
        return self

    @model_validator(mode="after")
    def _check_box(self) -> Self:
        """Check the sides of the box, and that it lies in the area of the projection."""
        west, south, east, north = self.bbox
        crosses = west > 0 > east  # 180 degrees
        if (west >= east and not crosses) or south >= north:
            raise ValueError(
                f"bbox must be [west, south, east, north] with west < east and south < north, "
                f"got {list(self.bbox)}"
            )
        longitude, latitude = self.centre
        width = (
            (east - west + (360 if crosses else 0))
            * math.cos(math.radians(latitude))
            * KM_PER_DEGREE
        )
        height = (north - south) * KM_PER_DEGREE
        if max(width, height) > LARGEST_BOX or min(width, height) < SMALLEST_BOX:
            raise ValueError(
                f"bbox {list(self.bbox)} is {width:.3g} x {height:.3g} km; each side must "
                f"be {SMALLEST_BOX:g} to {LARGEST_BOX:g} km"
            )
        area = pyproj.CRS.from_user_input(self.crs).area_of_use
        if area is not None and not _is_near(area.bounds, longitude, latitude):
            raise ValueError(
                f"bbox is near {latitude:.1f} N, {longitude:.1f} E, but epsg {self.epsg} is used "
                f"from {area.south:g} to {area.north:g} N, {area.west:g} to {area.east:g} E; the "
                f"order of bbox is [west, south, east, north]"
            )
        return self

    @model_validator(mode="after")
    def _check_speed(self) -> Self:
        """Check that the speed range is in order."""
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
            if years != sorted(set(years)):
                raise ValueError(f"years.{key} must increase, got {years}")
        return self


def _is_near(area: tuple[float, ...], longitude: float, latitude: float) -> bool:
    """Check that a position lies in the area of a projection or in a neighbouring UTM zone."""
    west, south, east, north = area
    if not south - 1 <= latitude <= north + 1:
        return False
    span = east - west + (360 if west > east else 0)
    distance = abs((longitude - west - span / 2 + 180) % 360 - 180)
    return distance <= span / 2 + UTM_ZONE_WIDTH
