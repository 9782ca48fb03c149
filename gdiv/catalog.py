"""`data_catalog.yaml` as typed, checked values: glaciers, sources of scenes, and profiles.

Every fact about a glacier or an archive lives in that file; the models here define a valid entry, and
`python -m gdiv.catalog` writes them as the JSON schema that editors read. A catalog of one's own,
named by the environment variable `GDIV_CATALOG`, is merged over the built-in one.
"""

import difflib
import json
import os
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from gdiv.files import read_text
from gdiv.installation import shipped

CATALOG_FILE = shipped("data_catalog.yaml")
OWN_CATALOG = "GDIV_CATALOG"  # environment variable, so that the notebooks' kernels inherit it

Longitude = Annotated[float, Field(ge=-180, le=180, description="degrees east")]
Latitude = Annotated[float, Field(ge=-90, le=90, description="degrees north")]
MonthDay = Annotated[
    str, Field(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$", description="MM-DD")
]
Year = Annotated[int, Field(ge=2015, le=2100, description="season year; Sentinel-2 began in 2015")]
MATCHERS = ("horn-schunck", "raft", "correlation", "dis", "tv-l1", "ilk")


class CatalogError(ValueError):
    """The catalog, or a name looked up in it, is wrong; the message says where and what is allowed."""


class _Entry(BaseModel):
    """A map of the YAML whose unknown and missing keys are reported with the keys that exist."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _keys(cls, value):
        if not isinstance(value, dict):
            raise ValueError(
                f"a map with the keys {', '.join(cls.model_fields)} is needed, got {value!r}"
            )
        if unknown := [str(key) for key in value if key not in cls.model_fields]:
            raise ValueError(
                f"unknown key {', '.join(unknown)}; allowed: {', '.join(cls.model_fields)}"
            )
        required = [name for name, field in cls.model_fields.items() if field.is_required()]
        if missing := [name for name in required if name not in value]:
            raise ValueError(
                f"key {', '.join(missing)} is missing; required: {', '.join(required)}"
            )
        return value


class Season(_Entry):
    """Months in which the ice is bare. A season that crosses New Year belongs to the year in which it ends."""

    start: MonthDay
    end: MonthDay

    @model_validator(mode="after")
    def _days_exist(self):
        for key in ("start", "end"):
            try:
                date(2001, *map(int, getattr(self, key).split("-")))
            except ValueError:
                raise ValueError(
                    f"{key} {getattr(self, key)!r} is not a day that every year has; use MM-DD"
                ) from None
        return self

    def dates(self, year: int) -> tuple[date, date]:
        """First and last day of season year `year`."""
        first, last = (date(year, *map(int, day.split("-"))) for day in (self.start, self.end))
        return (first, last) if first <= last else (first.replace(year=year - 1), last)

    def year_of(self, day: date) -> int | None:
        """The season year of `day`, or None outside the season."""
        for year in (day.year, day.year + 1):
            first, last = self.dates(year)
            if first <= day <= last:
                return year
        return None


class Pairing(_Entry):
    """Which scenes are compared.

    `annual`: one season with the next, within an orbit and under similar sun. `interval`: dates some
    days apart. `paper`: every scene of one season with every scene of the next.
    """

    rule: Literal["annual", "interval", "paper"]
    days: tuple[PositiveInt, PositiveInt] | None = Field(
        None, description="interval: least and most days between the scenes"
    )
    day_of_year_difference: Annotated[int, Field(ge=0, le=182)] = Field(
        45, description="annual: most days the dates lie from a whole year"
    )
    sun_difference: Annotated[float, Field(gt=0, le=180)] = Field(
        20,
        description="most degrees of azimuth the sun may have moved; more light from elsewhere looks like motion",
    )

    @model_validator(mode="after")
    def _days_fit_rule(self):
        if self.rule == "interval" and (self.days is None or self.days[0] > self.days[1]):
            raise ValueError(
                f"rule interval needs days: [least, most] with least <= most, got {self.days}"
            )
        return self


class Years(_Entry):
    """Season years. Unless the rule is interval, each list names two: reference and secondary."""

    train: Annotated[list[Year], Field(min_length=1, max_length=2)]
    validation: Annotated[list[Year], Field(min_length=1, max_length=2)]


class Stake(_Entry):
    """A pole in the ice, surveyed every year."""

    name: str
    lon: Longitude
    lat: Latitude
    speed: dict[int, Annotated[float, Field(ge=0, le=20000)]] = Field(
        description="m/yr by year of the second survey"
    )
    source: str


class Branch(_Entry):
    """One stream of ice, for the synthetic twin."""

    name: str
    points: Annotated[
        list[tuple[Longitude, Latitude, PositiveFloat, Annotated[float, Field(ge=0)]]],
        Field(min_length=3),
    ] = Field(description="down the centre line: longitude, latitude, half width (m), speed (m/yr)")
    ogives: bool = Field(False, description="whether an ice fall marks it with bands")
    debris: Annotated[float, Field(ge=0, le=1)] = Field(
        0.2, description="share of the surface under debris"
    )


class TwinDescription(_Entry):
    """What the synthetic twin of a glacier looks like. A sketch, not a map."""

    branches: Annotated[list[Branch], Field(min_length=1)]
    elevation: tuple[float, float] = Field(description="ice surface at the foot and at the head, m")
    relief: PositiveFloat = Field(800, description="height of the valley walls above the ice, m")
    snow_line: float = Field(
        description="elevation of the snow line at the height of the season, m"
    )
    years: Annotated[list[Year], Field(min_length=1, max_length=5)] = Field(
        description="season years rendered"
    )


class Glacier(_Entry):
    """One glacier."""

    label: str
    country: str
    rgi: str | None = Field(
        None, description="outline in the Randolph Glacier Inventory 6; left out where it has none"
    )
    outline: str | None = Field(
        None, description="URL or file of outlines, read where the source brings none"
    )
    bbox: tuple[Longitude, Latitude, Longitude, Latitude] = Field(
        description="west, south, east, north, degrees"
    )
    epsg: Annotated[int, Field(ge=32601, le=32760, description="UTM zone the study is pinned to")]
    tile: Annotated[str, Field(pattern=r"^\d{2}[C-X][A-Z]{2}$")] | None = Field(
        None, description="MGRS tile; needed only where scenes of several tiles cover the glacier"
    )
    season: Season
    pairing: Pairing
    years: Years
    speed: tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(gt=0)]] = Field(
        description="expected range, m/yr; sets the colour limits"
    )
    stakes: list[Stake] = []
    twin: TwinDescription | None = None
    references: list[str] = []

    @model_validator(mode="after")
    def _consistent(self):
        west, south, east, north = self.bbox
        if west >= east or south >= north:
            raise ValueError(
                f"bbox must be [west, south, east, north] with west < east and south < north, got {list(self.bbox)}"
            )
        if self.speed[0] >= self.speed[1]:
            raise ValueError(
                f"speed must be [least, most] with least < most, got {list(self.speed)}"
            )
        wanted = 1 if self.pairing.rule == "interval" else 2
        for key in ("train", "validation"):
            years = getattr(self.years, key)
            if len(years) != wanted:
                raise ValueError(
                    f"years.{key} needs {wanted} season year(s) under the {self.pairing.rule} rule, got {years}"
                )
        return self


class Source(_Entry):
    """An archive of scenes, and what its numbers mean."""

    label: str
    kind: Literal["twin", "stac", "file"]
    url: Annotated[str, Field(pattern=r"^https?://")] | None = Field(
        None, description="landing page of the STAC API"
    )
    path: str | None = Field(None, description="ItemCollection file")
    collection: str
    image: str = Field(description="asset that is matched (near infrared)")
    colour: dict[Literal["red", "green", "blue"], str] = Field(
        {}, description="assets of a true-colour picture"
    )
    mask: str | None = Field(None, description="asset that says what each pixel is")
    mask_kind: Literal["scl", "qa_pixel"] = "scl"
    scale: PositiveFloat = Field(0.0001, description="reflectance a digital number")
    offset: Literal["flag", "baseline", "raster"] | float = Field(
        "flag",
        description="flag: earthsearch:boa_offset_applied, else the baseline; baseline: -0.1 from 04.00 on; "
        "raster: the asset's own offset; or a number",
    )
    nodata: int = 0
    signing: Literal["none", "planetary-computer"] = "none"
    licence: str

    @model_validator(mode="after")
    def _where(self):
        if self.kind == "stac" and not self.url:
            raise ValueError("kind stac needs url: the landing page of the STAC API")
        return self


class Profile(_Entry):
    """How much of the study is run."""

    label: str
    source: str = Field(description="key in sources, used unless a source is named")
    usable_scenes: Annotated[list[PositiveInt], Field(min_length=1)] = Field(
        description="clear scenes the twin renders, by season year"
    )
    pairing: Literal["glacier", "paper"] = Field(
        "glacier",
        description="the glacier's own pairing rule, or the paper's, which takes every pair of two seasons",
    )
    max_pairs: PositiveInt | None = Field(
        None, description="most pairs a set (training, validation); null takes all"
    )
    tile: Annotated[int, Field(ge=64, le=1024, multiple_of=8)] = Field(
        256, description="side of a training tile, pixels"
    )
    train_steps: PositiveInt = Field(description="steps of fine-tuning")
    batch: PositiveInt = 4
    matchers: list[Literal[MATCHERS]] = Field(  # type: ignore[valid-type]
        description="horn-schunck, raft and dis, and any others"
    )
    seed: int = 0

    @model_validator(mode="after")
    def _errors_can_be_learned(self):
        if missing := {"horn-schunck", "raft", "dis"} - set(self.matchers):
            raise ValueError(
                f"matchers lacks {', '.join(sorted(missing))}, which every study compares"
            )
        return self


class Catalog(_Entry):
    """The whole file."""

    glaciers: Annotated[dict[str, Glacier], Field(min_length=1)]
    sources: Annotated[dict[str, Source], Field(min_length=1)]
    profiles: Annotated[dict[str, Profile], Field(min_length=1)]

    @model_validator(mode="after")
    def _profiles_name_sources(self):
        for name, profile in self.profiles.items():
            if profile.source not in self.sources:
                raise ValueError(
                    f"profiles.{name}.source is {profile.source!r}; allowed: {', '.join(self.sources)}"
                )
        return self

    def pick(self, kind: Literal["glaciers", "sources", "profiles"], name: str):
        """The entry `name` of one of the three maps; a CatalogError lists what exists."""
        entries = getattr(self, kind)
        if name not in entries:
            close = difflib.get_close_matches(name, entries, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise CatalogError(
                f"no {kind.removesuffix('s')} {name!r} in the catalog; there are: {', '.join(entries)}.{hint}"
            )
        return entries[name]


class _UniqueKeys(yaml.SafeLoader):
    """YAML keeps the last of two equal keys without a word; here that is an error."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":  # may be overridden by keys of its own
                continue
            name = self.construct_object(key, deep=True)
            if not isinstance(name, str | int):
                raise CatalogError(f"line {key.start_mark.line + 1}: {name!r} cannot be a key")
            if name in seen:
                raise CatalogError(f"line {key.start_mark.line + 1}: duplicate key {name!r}")
            seen.add(name)
        return super().construct_mapping(node, deep)


def read_catalog(text: str) -> Catalog:
    """Parse the catalog written in `text`; anything wrong is one CatalogError with one line per fault."""
    return _validated(_parsed(text, CATALOG_FILE.name), CATALOG_FILE.name)


def _parsed(text, name):
    try:
        return yaml.load(text, _UniqueKeys)
    except CatalogError as error:
        raise CatalogError(f"{name}, {error}") from None
    except yaml.YAMLError as error:
        raise CatalogError(f"{name} is not YAML: {error}") from None


def _validated(content, name):
    try:
        return Catalog.model_validate(content)
    except ValidationError as error:
        lines = []
        for fault in error.errors():
            where = ".".join(str(part) for part in fault["loc"]) or "the catalog"
            value = "" if isinstance(fault["input"], dict) else f" (value: {fault['input']!r})"
            lines.append(f"{where}: {fault['msg'].removeprefix('Value error, ')}{value}")
        raise CatalogError(
            f"{name} is not valid:\n  " + "\n  ".join(dict.fromkeys(lines))
        ) from None


def own_catalog() -> Path | None:
    """The user's own catalog, named by the environment variable `GDIV_CATALOG`; None if it is not set."""
    place = os.environ.get(OWN_CATALOG)
    try:
        return Path(place).expanduser().resolve() if place else None
    except RuntimeError as error:
        raise CatalogError(f"the catalog {place} cannot be found: {error}") from None


def load_catalog() -> Catalog:
    """Load the built-in catalog, with the user's own merged over it if `GDIV_CATALOG` names one.

    An entry of the own catalog replaces the built-in entry of the same name as a whole.

    Raises
    ------
    CatalogError
        If the own catalog cannot be read or an entry is not valid.
    """
    return _merged(own_catalog())


@cache
def _merged(own: Path | None) -> Catalog:
    built_in = _parsed(read_text(CATALOG_FILE), CATALOG_FILE.name)
    if own is None:
        return _validated(built_in, CATALOG_FILE.name)
    try:
        added = _parsed(read_text(own), own.name)
    except OSError as error:
        raise CatalogError(f"the catalog {own} cannot be read: {error.strerror or error}") from None
    kinds = list(Catalog.model_fields)
    if not isinstance(added, dict) or not all(
        isinstance(entries, dict) for entries in added.values()
    ):
        raise CatalogError(f"{own.name} must hold maps of entries under any of: {', '.join(kinds)}")
    merged: dict[str, Any] = dict(built_in)
    for kind, entries in added.items():
        merged[kind] = merged.get(kind, {}) | entries
    for glacier in added.get("glaciers", {}).values():
        if isinstance(glacier, dict) and isinstance(glacier.get("outline"), str):
            glacier["outline"] = _beside(own, glacier["outline"])
    return _validated(merged, own.name)


def _beside(catalog, place):
    """An outline's file is given relative to the catalog that names it."""
    return place if "://" in place else str(catalog.parent / place)


def json_schema() -> str:
    """The JSON schema of the catalog, for editors."""
    return json.dumps(Catalog.model_json_schema(), indent=1) + "\n"


if __name__ == "__main__":
    CATALOG_FILE.with_suffix(".schema.json").write_text(json_schema(), encoding="utf-8")
