"""The synthetic twin: a glacier of the catalog rendered as Sentinel-2-like scenes whose motion is known.

Ice carries its texture. The look of the ice is defined once, on the lattice of a reference date, and
each scene reads that lattice at the material point which a steady velocity field has brought to each
pixel (fourth-order Runge-Kutta). So the displacement between any two scenes is exact, whatever the
interpolation of the texture. Around it stand still walls under a moving sun and snow line; each scene
adds its own mis-registration, relief-linked shift, weather, ageing of the texture, gain and noise.

No part of gdiv but `gdiv.velocity.validation` reads the truth stored beside the scenes.
"""

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
import shapely
import xarray as xr
from odc.geo.geobox import GeoBox
from scipy import ndimage

from gdiv.flow.synthetic import fractal_texture, smooth_field
from gdiv.imagery import rendering
from gdiv.imagery.ice import Ice, advect
from gdiv.imagery.rendering import BANDS, SCL

DAYS_A_YEAR = 365.25
REVISIT = 5  # days between acquisitions of one orbit by the two satellites
ORBIT, OTHER_ORBIT = 108, 65
RENDERING = 1  # raise when the pictures change, so that stored twins are rendered anew


@dataclass(frozen=True)
class Acquisition:
    """One scene to render."""

    day: date
    kind: str = "usable"  # or cloud, snow, other-orbit, duplicate, missing-asset
    flavour: str = "old"  # offset of -0.1: old (before it existed), removed, or left in
    cover: float = 0.0

    @property
    def orbit(self) -> int:
        return OTHER_ORBIT if self.kind == "other-orbit" else ORBIT

    @property
    def identifier(self) -> str:
        satellite = "A" if self.day.toordinal() // REVISIT % 2 else "B"
        return f"S2{satellite}_{{tile}}_{self.day:%Y%m%d}_{1 if self.kind == 'duplicate' else 0}_L2A"


def acquisitions(glacier, usable: list[int], seed: int) -> list[Acquisition]:
    """The dates of a study: `usable[i]` clear scenes in the i-th season year, and one scene of each fault.

    Season years take the counts in order and repeat the last. Clear scenes may hold a few clouds.
    """
    rng = np.random.default_rng([seed, 1])
    plan = []
    for index, year in enumerate(glacier.twin.years):
        first, last = glacier.season.dates(year)
        count = usable[min(index, len(usable) - 1)]
        # Melt seasons open under snow: clear scenes come from the later part, on the orbit's own calendar.
        start = first.toordinal() + int(0.2 * (last - first).days)
        calendar = [d for d in range(start, last.toordinal() + 1) if d % REVISIT == 0]
        chosen = sorted(rng.choice(len(calendar), min(count + 1, len(calendar)), replace=False))
        cloudy = chosen.pop(int(rng.integers(len(chosen)))) if len(chosen) > count else None
        for number, position in enumerate(chosen):
            day = date.fromordinal(calendar[position])
            flavour = "old" if day < date(2022, 1, 25) else ("left-in" if number % 3 == 1 else "removed")
            plan.append(Acquisition(day, "usable", flavour, float(rng.choice([0, 0, 0.03, 0.08]))))
        flavour = plan[-1].flavour
        if cloudy is not None:
            plan.append(Acquisition(date.fromordinal(calendar[cloudy]), "cloud", flavour, 0.75))
        spare = [d for d in calendar if date.fromordinal(d) not in {a.day for a in plan}]
        snowy = [d for d in range(first.toordinal(), start) if d % REVISIT == 0][:1]
        plan += [Acquisition(date.fromordinal(d), "snow", flavour) for d in snowy]
        if index == 0:
            plan.append(Acquisition(plan[0].day, "duplicate", flavour))
        if index == 1 and spare:
            plan.append(Acquisition(date.fromordinal(spare[0]), "missing-asset", flavour))
        if index == len(glacier.twin.years) - 1:
            other = next(d for d in range(start + 2, last.toordinal()) if d % REVISIT == 3)
            plan.append(Acquisition(date.fromordinal(other), "other-orbit", flavour))
    return sorted(plan, key=lambda a: (a.day, a.kind))


class _World:
    """What does not change between scenes: ice, walls, textures, and the look of the ice on the reference date."""

    def __init__(self, glacier, geobox: GeoBox, epoch: date, span_years: float, seed: int):
        rng = np.random.default_rng([seed, 2])
        spacing = abs(geobox.resolution.x)
        fastest = max(point[3] for branch in glacier.twin.branches for point in branch.points)
        # Material seen late came in from outside: the lattice is wider than the scene by the farthest travel.
        self.pad = int(min(np.ceil(fastest * span_years / spacing) + 12, 400))
        self.grid = geobox.pad(self.pad, self.pad)
        self.geobox, self.spacing, self.epoch, self.glacier = geobox, spacing, epoch, glacier
        self.ice = ice = Ice(glacier, self.grid)
        shape = self.grid.shape
        self.elevation = rendering.relief(ice.distance, ice.elevation, glacier.twin.relief, spacing, rng)
        self.patchiness = smooth_field(shape, 400 / spacing, rng) + 0.5 * smooth_field(shape, 90 / spacing, rng)
        rough = rendering.crop_periodic(fractal_texture(512, 1.1, rng), shape)
        green = self.elevation + 120 * self.patchiness - (ice.elevation.min() + 0.45 * glacier.twin.relief)
        plants = np.clip(0.5 - green / 150, 0, 1) * (ice.distance > 60) * np.clip(1 + 0.4 * rough, 0, 1)
        fresh = np.exp(-ice.distance / 90) * (ice.distance > 0)  # bare, light till that the shrinking ice left
        tone = np.exp(0.22 * rough + 0.12 * self.patchiness + 0.25 * fresh)
        self.ground = rendering.mix({"plants": plants, "rock": 1 - plants}) * tone
        self.plants = plants
        self.ice_look, self.ageing = self._ice_look(rng)

    def _ice_look(self, rng):
        """Log-brightness and debris of the ice on the epoch, and one texture a year that comes and goes."""
        shape, ice = self.grid.shape, self.ice
        stretched = [rendering.crop_periodic(fractal_texture(512, slope, rng), shape) for slope in (1.2, 0.7)]
        coarse = smooth_field(shape, 300 / self.spacing, rng)
        # Ogives: a light and a dark band each time the ice below the fall has moved on by one spacing. Bands are
        # wider than a year's motion now, because the glacier was faster when they formed; no two are alike.
        born = np.nan_to_num(ice.born, nan=0.0) / 2.1
        year = np.arange(-80, 80)
        strength, kink = rng.uniform(0.4, 1.2, year.size), rng.normal(0, 0.12, year.size)
        band = np.sin(2 * np.pi * (born + np.interp(born, year, kink))) * np.interp(born, year, strength)
        inner = np.clip(1.3 - 1.6 * ice.debris, 0, 1) * np.isfinite(ice.born) * (ice.born < 190)
        crevasses = np.clip(rendering.crop_periodic(fractal_texture(512, 0.4, rng, 2.2, 0.3), shape) - 1, 0, None)
        fast = np.clip(np.hypot(ice.vx, ice.vy) / (0.7 * np.hypot(ice.vx, ice.vy).max()) - 0.5, 0, 1)
        ogives = 0.42 * ndimage.gaussian_filter(band * inner, 0.8)
        light = 0.12 * stretched[0] + 0.08 * stretched[1] + ogives - 0.3 * crevasses * fast
        debris = np.clip(ice.debris + 0.12 * coarse * ice.debris + 0.05 * stretched[1], 0, 1)
        years = [0.14 * rendering.crop_periodic(fractal_texture(512, 0.9, rng), shape) for _ in range(8)]
        return tuple(self._spline(part) for part in (light, debris)), [self._spline(part) for part in years]

    def _spline(self, lattice):
        return ndimage.spline_filter(lattice, mode="nearest").astype(np.float32)

    def scene(self, plan: Acquisition, shift: np.ndarray, relief_shift: float, seed: int):
        """Reflectance `(band, y, x)` and classification `(y, x)` of one acquisition.

        `shift` is the scene's mis-registration (columns, rows) in pixels and `relief_shift` the largest
        relief-linked one; the whole image is displaced by them.
        """
        rng = np.random.default_rng([seed, 3, plan.day.toordinal()])
        twin, ice = self.glacier.twin, self.ice
        inner = (slice(self.pad, -self.pad),) * 2
        rows, columns = np.meshgrid(*(np.arange(n) + self.pad for n in self.geobox.shape), indexing="ij")
        columns = columns - shift[0] - relief_shift * self.relief_pattern()
        rows = rows - shift[1]

        def static(lattice, order=1):
            return ndimage.map_coordinates(lattice, [rows, columns], order=order, mode="nearest")

        first, last = self.glacier.season.dates(self.glacier.season.year_of(plan.day))
        progress = (plan.day - first).days / (last - first).days
        sun_elevation = 62 - 28 * abs(progress - 0.15) ** 1.2
        sun_azimuth = 150 + 12 * progress if self.glacier.bbox[1] > 0 else 30 - 12 * progress
        light, shaded = rendering.illumination(self.elevation, self.spacing, sun_azimuth, sun_elevation)

        years = (plan.day - self.epoch).days / DAYS_A_YEAR
        on_ice = static(ice.edge) > 0.01
        source = ice.advect(columns[on_ice], rows[on_ice], -years)

        def material(lattice):
            field = np.zeros(self.geobox.shape, np.float32)
            field[on_ice] = ndimage.map_coordinates(
                lattice, [source[1], source[0]], order=3, mode="nearest", prefilter=False
            )
            return field

        # Two independent textures take turns over a year: what a date has for itself decorrelates pairs.
        season, turn = divmod(years + 4, 1)
        young, next_young = self.ageing[int(season) % 8], self.ageing[(int(season) + 1) % 8]
        aged = np.cos(turn * np.pi / 2) * material(young) + np.sin(turn * np.pi / 2) * material(next_young)
        debris = np.clip(material(self.ice_look[1]), 0, 1)
        ice_colour = rendering.mix({"ice": 1 - debris, "debris": debris}) * np.exp(material(self.ice_look[0]) + aged)

        edge = static(ice.edge)
        reflectance = np.stack([static(band, order=3) for band in self.ground]) * (1 - edge) + ice_colour * edge
        line = twin.snow_line - 700 * (1 - min(progress / 0.3, 1)) ** 2 - (900 if plan.kind == "snow" else 0)
        snow_depth = (self.elevation + 90 * self.patchiness - line) / 60 - 0.8 * (ice.distance > 0) * np.hypot(
            *np.gradient(self.elevation, self.spacing)
        )
        snow = np.clip(static(snow_depth), 0, 1)
        if plan.kind == "snow":
            snow = np.clip(snow + 0.92 - 0.3 * np.clip(static(self.patchiness), 0, 1), 0, 1)
        sheen = np.exp(0.05 * static(self.patchiness) + 0.03 * rng.normal(size=snow.shape))
        white = np.asarray(rendering.SPECTRA["snow"], np.float32)[:, None, None] * sheen
        reflectance = (reflectance * (1 - snow) + white * snow) * static(light)

        opacity, cloud_shadow = rendering.clouds(self.geobox.shape, plan.cover, self.spacing, sun_azimuth, rng)
        reflectance = reflectance * (1 - 0.65 * cloud_shadow)
        reflectance = (
            reflectance * (1 - opacity) + np.asarray(rendering.SPECTRA["cloud"], np.float32)[:, None, None] * opacity
        )
        gain, haze = 1 + 0.04 * rng.normal(), 0.006 * abs(rng.normal())
        reflectance = gain * reflectance + haze + 0.003 * rng.normal(size=reflectance.shape)

        classes = np.where(static(self.plants) > 0.5, SCL["plants"], SCL["ground"])
        classes = np.where((edge > 0.5) & (debris < 0.45) | (snow > 0.4), SCL["snow"], classes)
        classes = np.where(static(shaded.astype(np.float32)) > 0.5, SCL["shadow"], classes)
        classes = np.where(cloud_shadow > 0.25, SCL["cloud_shadow"], classes)
        classes = np.where(opacity > 0.06, SCL["cirrus"], classes)
        classes = np.where(opacity > 0.3, SCL["cloud"], classes)
        geometry = {"sun_azimuth": sun_azimuth, "sun_elevation": sun_elevation}
        return np.clip(reflectance, 0.0001, 1.5), classes[::2, ::2].astype(np.uint8), geometry, inner

    def relief_pattern(self):
        """Elevation on the scene's grid as 0..1: what an error of the terrain model scales with."""
        height = self.elevation[self.pad : -self.pad, self.pad : -self.pad]
        height = ndimage.gaussian_filter(height, 300 / self.spacing)
        return (height - height.min()) / np.ptp(height)


def render(
    glacier, geobox: GeoBox, usable: list[int], folder: Path, seed: int = 0, progress=lambda done, total: None
) -> Path:
    """Render the twin of `glacier` on `geobox` into `folder`, unless it is there already.

    Returns
    -------
    Path
        `items.json`, an ItemCollection with relative links. Beside it stand `outline.geojson`,
        `stakes.geojson` (what a survey of this twin would have measured) and `truth.zarr`.
    """
    recipe = json.dumps([RENDERING, glacier.model_dump(mode="json"), str(geobox), usable, seed], sort_keys=True)
    folder, items_file = Path(folder), Path(folder) / "items.json"
    if items_file.exists() and (folder / "recipe.json").read_text(encoding="utf-8") == recipe:
        return items_file
    if glacier.twin is None:
        raise ValueError(
            f"{glacier.label} has no twin description in data_catalog.yaml; name a source of real scenes instead"
        )
    folder.mkdir(parents=True, exist_ok=True)
    items_file.unlink(missing_ok=True)
    plan = acquisitions(glacier, usable, seed)
    epoch = plan[len(plan) // 2].day
    span = max((plan[-1].day - epoch).days, (epoch - plan[0].day).days) / DAYS_A_YEAR
    world = _World(glacier, geobox, epoch, span, seed)
    rng = np.random.default_rng([seed, 4])
    shifts = {a: np.round(rng.uniform(-0.3, 0.3, 2), 3) for a in plan}
    relief_shift = {ORBIT: 0.1, OTHER_ORBIT: 1.0}
    items = []
    for number, acquisition in enumerate(plan):
        bands, classes, geometry, _ = world.scene(
            acquisition, shifts[acquisition], relief_shift[acquisition.orbit], seed
        )
        items.append(_write_scene(folder, glacier, geobox, acquisition, bands, classes, geometry))
        progress(number + 1, len(plan))
    _write_truth(folder, world, plan, shifts, relief_shift)
    (folder / "recipe.json").write_text(recipe, encoding="utf-8")
    items_file.write_text(json.dumps({"type": "FeatureCollection", "features": items}, indent=1), encoding="utf-8")
    return items_file


def _write_scene(folder, glacier, geobox, plan, bands, classes, geometry):
    identifier = plan.identifier.format(tile=glacier.tile)
    (folder / identifier).mkdir(exist_ok=True)
    left_in = plan.flavour == "left-in"
    assets = {}
    numbers = np.round(bands * 10000 + (1000 if left_in else 0)).clip(1, 65535).astype(np.uint16)
    offset = (
        0 if plan.flavour == "old" else -0.1
    )  # the item keeps the offset even where it was removed, as in Earth Search
    for name, values in zip(BANDS, numbers, strict=True):
        if plan.kind == "missing-asset" and name == "nir":
            continue
        _write_cog(folder / identifier / f"{name}.tif", values, geobox, "AVERAGE")
        assets[name] = _asset(f"./{identifier}/{name}.tif", geobox, name, "uint16", {"scale": 0.0001, "offset": offset})
    coarse = geobox.zoom_out(2)
    _write_cog(folder / identifier / "scl.tif", classes, coarse, "MODE")
    assets["scl"] = _asset(f"./{identifier}/scl.tif", coarse, None, "uint8", {})
    baseline = {"old": "03.01", "removed": "05.10", "left-in": "04.00"}[plan.flavour]
    if plan.kind == "duplicate":
        baseline = "02.14"
    footprint = gpd.GeoSeries([geobox.extent.geom], crs=geobox.crs.epsg).to_crs(4326).iloc[0]
    satellite = identifier[2].lower()
    moment = f"{plan.day:%Y%m%d}T102559"
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": [
            f"https://stac-extensions.github.io/{name}/schema.json"
            for name in ("eo/v1.1.0", "grid/v1.1.0", "projection/v1.1.0", "raster/v1.1.0", "view/v1.0.0")
        ],
        "id": identifier,
        "collection": "sentinel-2-l2a",
        "geometry": shapely.geometry.mapping(footprint),
        "bbox": list(footprint.bounds),
        "properties": {
            "datetime": f"{plan.day}T10:25:59Z",
            "platform": f"sentinel-2{satellite}",
            "constellation": "sentinel-2",
            "instruments": ["msi"],
            "eo:cloud_cover": round(100 * float(np.isin(classes, [SCL["cloud"], SCL["cirrus"]]).mean()), 2),
            "proj:epsg": geobox.crs.epsg,
            "grid:code": f"MGRS-{glacier.tile}",
            "view:sun_azimuth": round(geometry["sun_azimuth"], 2),
            "view:sun_elevation": round(geometry["sun_elevation"], 2),
            "s2:processing_baseline": baseline,
            "s2:product_uri": f"S2{satellite.upper()}_MSIL2A_{moment}_N{baseline.replace('.', '')}"
            f"_R{plan.orbit:03d}_T{glacier.tile}_{moment}.SAFE",
            "earthsearch:boa_offset_applied": plan.flavour == "removed",
        },
        "links": [],
        "assets": assets,
    }


def _asset(href, geobox, band, dtype, scaling):
    asset = {
        "href": href,
        "type": "image/tiff; application=geotiff; profile=cloud-optimized",
        "roles": ["data"] + (["reflectance"] if band else []),
        "gsd": int(abs(geobox.resolution.x)),
        "proj:shape": list(geobox.shape),
        "proj:transform": list(geobox.affine)[:6],
        "raster:bands": [
            {"nodata": 0, "data_type": dtype, "spatial_resolution": int(abs(geobox.resolution.x)), **scaling}
        ],
    }
    return asset | ({"eo:bands": [{"name": band, "common_name": band}]} if band else {})


def _write_cog(path, values, geobox, resampling):
    profile = dict(driver="COG", dtype=values.dtype, count=1, height=geobox.height, width=geobox.width, nodata=0)
    options = dict(compress="deflate", predictor="yes", blocksize=256, overview_resampling=resampling)
    with rasterio.open(path, "w", crs=f"EPSG:{geobox.crs.epsg}", transform=geobox.affine, **profile, **options) as file:
        file.write(values, 1)


def _write_truth(folder, world, plan, shifts, relief_shift):
    """Velocity on the scene's grid, how each scene was shifted, the outline, and what the stakes measured."""
    inner = (slice(world.pad, -world.pad),) * 2
    glacier, geobox, ice = world.glacier, world.geobox, world.ice
    scenes = [a.identifier.format(tile=glacier.tile) for a in plan]
    coords = {axis: geobox.coordinates[axis].values for axis in ("y", "x")}
    truth = xr.Dataset(
        {
            "vx": (("y", "x"), ice.vx[inner], {"units": "meter/year"}),
            "vy": (("y", "x"), ice.vy[inner], {"units": "meter/year"}),
            "relief": (("y", "x"), world.relief_pattern(), {"units": "1"}),
            "shift": (("scene", "component"), np.stack([shifts[a] for a in plan]), {"units": "pixel"}),
            "relief_shift": (("scene",), [relief_shift[a.orbit] for a in plan], {"units": "pixel"}),
            "day": (("scene",), [a.day.toordinal() for a in plan], {"units": "day"}),
        },
        coords=coords | {"scene": np.array(scenes, dtype="U40")},
        attrs={"spacing": world.spacing, "crs": f"EPSG:{geobox.crs.epsg}"},
    )
    # Format 2 has fixed-length strings; format 3 has no agreed ones yet.
    truth.to_zarr(folder / "truth.zarr", mode="w", zarr_format=2, consolidated=False)
    gpd.GeoDataFrame({"name": [glacier.label]}, geometry=[ice.outline], crs=geobox.crs.epsg).to_crs(4326).to_file(
        folder / "outline.geojson"
    )
    stakes = gpd.GeoDataFrame(
        {"name": [s.name for s in glacier.stakes]},
        geometry=gpd.points_from_xy([s.lon for s in glacier.stakes], [s.lat for s in glacier.stakes]),
        crs=4326,
    )
    rows = []
    for stake, point in zip(stakes.name, stakes.to_crs(geobox.crs.epsg).geometry, strict=True):
        column, row = ~geobox.affine * (point.x, point.y)
        start = np.array([column - 0.5]), np.array([row - 0.5])
        for year in glacier.twin.years[1:]:
            end = advect(truth.vx.values, truth.vy.values, world.spacing, *start, 1.0)
            moved = float(np.hypot(end[0] - start[0], end[1] - start[1])[0]) * world.spacing
            rows.append({"name": stake, "year": year, "speed": round(moved, 2), "geometry": point})
    gpd.GeoDataFrame(rows or {"name": [], "year": [], "speed": [], "geometry": []}, crs=geobox.crs.epsg).to_crs(
        4326
    ).to_file(folder / "stakes.geojson")


def displacement(truth: xr.Dataset, reference: str, secondary: str) -> tuple[np.ndarray, np.ndarray]:
    """The displacement every pixel of scene `reference` underwent to scene `secondary`, in pixels.

    Both scenes' mis-registration is in it: `secondary(x + u, y + v) = reference(x, y)` holds for the images.
    """
    first, second = truth.sel(scene=reference), truth.sel(scene=secondary)
    years = float(second.day - first.day) / DAYS_A_YEAR
    rows, columns = np.meshgrid(np.arange(truth.sizes["y"]), np.arange(truth.sizes["x"]), indexing="ij")
    relief = truth.relief.values
    column = columns - float(first["shift"][0]) - float(first.relief_shift) * relief
    row = rows - float(first["shift"][1])
    column, row = advect(truth.vx.values, truth.vy.values, truth.attrs["spacing"], column.ravel(), row.ravel(), years)
    column, row = column.reshape(relief.shape), row.reshape(relief.shape)
    # A pixel q of the secondary shows the world at q - shift - k relief(q): one step solves for q, relief is smooth.
    lift = ndimage.map_coordinates(relief, [row, column], order=1, mode="nearest")
    u = column + float(second["shift"][0]) + float(second.relief_shift) * lift - columns
    v = row + float(second["shift"][1]) - rows
    return u.astype(np.float32), v.astype(np.float32)
