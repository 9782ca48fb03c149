"""The synthetic twin: a glacier of the catalog rendered as Sentinel-2-like scenes whose motion is known.

Ice carries its texture. The look of the ice is defined once, on the lattice of a reference date, and
each scene reads that lattice at the material point which a steady velocity field has brought to each
pixel (fourth-order Runge-Kutta). So the displacement between any two scenes is exact, whatever the
interpolation of the texture. Around it stand still walls under a moving sun and snow line; each scene
adds its own mis-registration, relief-linked shift, weather, ageing of the texture, gain and noise.

No part of gdiv but `gdiv.velocity.validation` reads the truth stored beside the scenes.
"""

import hashlib
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

from gdiv.imagery.items import NOTICE, SYNTHETIC
from gdiv.imagery.pairs import DAYS_PER_YEAR
from gdiv.twin.ice import advect
from gdiv.twin.rendering import BANDS, SCL
from gdiv.twin.world import World

REVISIT = 5  # days between acquisitions of one orbit by the two satellites
ORBIT, OTHER_ORBIT = 108, 65
TAGS = {"TIFFTAG_IMAGEDESCRIPTION": NOTICE, "SYNTHETIC": "YES"}  # of every GeoTIFF


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
        """Such as `synthetic-20200803`: nothing that an archive's product could be called."""
        again = "-again" if self.kind == "duplicate" else ""
        return f"synthetic-{self.day:%Y%m%d}{again}"


def plan_acquisitions(glacier, usable: list[int], seed: int) -> list[Acquisition]:
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
        if glacier.pairing.rule == "interval":  # dates as far apart as the rule wants them
            stride = max(glacier.pairing.days[0] // REVISIT, 1)
            chosen = list(range(0, len(calendar), stride))[: count + 1]
        else:
            chosen = sorted(rng.choice(len(calendar), min(count + 1, len(calendar)), replace=False))
        cloudy = (
            chosen.pop(int(rng.integers(len(chosen) // 2, len(chosen))))
            if len(chosen) > count
            else None
        )
        for number, position in enumerate(chosen):
            day = date.fromordinal(calendar[position])
            flavour = (
                "old" if day < date(2022, 1, 25) else ("left-in" if number % 3 == 1 else "removed")
            )
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


def render_twin(
    glacier,
    geobox: GeoBox,
    usable: list[int],
    folder: Path,
    seed: int = 0,
    progress=lambda done, total: None,
) -> Path:
    """Render the twin of `glacier` on `geobox` into `folder`, unless it is there already.

    Returns
    -------
    Path
        `items.json`, an ItemCollection with relative links. Beside it stand `outline.geojson`,
        `stakes.geojson` (what a survey of this twin would have measured) and `truth.zarr`.
    """
    makers = ("scenes", "world", "ice", "rendering")
    code = [Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8") for name in makers]
    decides = {
        "synthetic": True,
        "code": hashlib.sha256("".join(code).encode()).hexdigest(),
        "glacier": glacier.model_dump(mode="json"),
        "grid": str(geobox),
        "usable": usable,
        "seed": seed,
    }
    recipe = json.dumps(decides, sort_keys=True)
    folder, items_file = Path(folder), Path(folder) / "items.json"
    recipe_file = folder / "recipe.json"
    if (
        items_file.exists()
        and recipe_file.exists()
        and recipe_file.read_text(encoding="utf-8") == recipe
    ):
        return items_file
    if glacier.twin is None:
        raise ValueError(
            f"{glacier.label} has no twin description in data_catalog.yaml; name a source of real scenes instead"
        )
    folder.mkdir(parents=True, exist_ok=True)
    items_file.unlink(missing_ok=True)
    plan = plan_acquisitions(glacier, usable, seed)
    epoch = plan[len(plan) // 2].day
    span = max((plan[-1].day - epoch).days, (epoch - plan[0].day).days) / DAYS_PER_YEAR
    world = World(glacier, geobox, epoch, span, seed)
    rng = np.random.default_rng([seed, 4])
    shifts = {a: np.round(rng.uniform(-0.3, 0.3, 2), 3) for a in plan}
    relief_shift = {ORBIT: 0.1, OTHER_ORBIT: 1.0}
    items = []
    for number, acquisition in enumerate(plan):
        bands, classes, geometry = world.scene(
            acquisition, shifts[acquisition], relief_shift[acquisition.orbit], seed
        )
        items.append(_write_scene(folder, glacier, geobox, acquisition, bands, classes, geometry))
        progress(number + 1, len(plan))
    _write_truth(folder, world, plan, shifts, relief_shift)
    recipe_file.write_text(recipe, encoding="utf-8")
    items_file.write_text(
        json.dumps({"type": "FeatureCollection", "features": items}, indent=1), encoding="utf-8"
    )
    return items_file


def _write_scene(folder, glacier, geobox, plan, bands, classes, geometry):
    identifier = plan.identifier
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
        assets[name] = _asset(
            f"./{identifier}/{name}.tif",
            geobox,
            name,
            "uint16",
            {"scale": 0.0001, "offset": offset},
        )
    coarse = geobox.zoom_out(2)
    _write_cog(folder / identifier / "scl.tif", classes, coarse, "MODE")
    assets["scl"] = _asset(f"./{identifier}/scl.tif", coarse, None, "uint8", {})
    baseline = {"old": "03.01", "removed": "05.10", "left-in": "04.00"}[plan.flavour]
    if plan.kind == "duplicate":
        baseline = "02.14"
    footprint = gpd.GeoSeries([geobox.extent.geom], crs=geobox.crs.epsg).to_crs(4326).iloc[0]
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": [
            f"https://stac-extensions.github.io/{name}/schema.json"
            for name in (
                *("eo/v1.1.0", "grid/v1.1.0", "projection/v1.1.0", "raster/v1.1.0"),
                *("sat/v1.0.0", "view/v1.0.0"),
            )
        ],
        "id": identifier,
        "collection": "gdiv-synthetic-twin",
        "geometry": shapely.geometry.mapping(footprint),
        "bbox": list(footprint.bounds),
        "properties": {
            "datetime": f"{plan.day}T10:25:59Z",
            "title": f"Synthetic scene of {glacier.label}, {plan.day}",
            "description": NOTICE,
            SYNTHETIC: True,
            "platform": "synthetic",
            "eo:cloud_cover": round(
                100 * float(np.isin(classes, [SCL["cloud"], SCL["cirrus"]]).mean()), 2
            ),
            "proj:epsg": geobox.crs.epsg,
            **({"grid:code": f"MGRS-{glacier.tile}"} if glacier.tile else {}),
            "sat:relative_orbit": plan.orbit,
            "view:sun_azimuth": round(geometry["sun_azimuth"], 2),
            "view:sun_elevation": round(geometry["sun_elevation"], 2),
            "s2:processing_baseline": baseline,
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
            {
                "nodata": 0,
                "data_type": dtype,
                "spatial_resolution": int(abs(geobox.resolution.x)),
                **scaling,
            }
        ],
    }
    return asset | ({"eo:bands": [{"name": band, "common_name": band}]} if band else {})


def _write_cog(path, values, geobox, resampling):
    profile = dict(
        driver="COG",
        dtype=values.dtype,
        count=1,
        height=geobox.height,
        width=geobox.width,
        nodata=0,
    )
    options = dict(
        compress="deflate", predictor="yes", blocksize=256, overview_resampling=resampling
    )
    with rasterio.open(
        path, "w", crs=f"EPSG:{geobox.crs.epsg}", transform=geobox.affine, **profile, **options
    ) as file:
        file.update_tags(**TAGS)
        file.write(values, 1)


def _write_truth(folder, world, plan, shifts, relief_shift):
    """Velocity on the scene's grid, how each scene was shifted, the outline, and what the stakes measured."""
    inner = (slice(world.pad, -world.pad),) * 2
    glacier, geobox, ice = world.glacier, world.geobox, world.ice
    scenes = [a.identifier for a in plan]
    coords = {axis: geobox.coordinates[axis].values for axis in ("y", "x")}
    truth = xr.Dataset(
        {
            "vx": (("y", "x"), ice.vx[inner], {"units": "meter/year"}),
            "vy": (("y", "x"), ice.vy[inner], {"units": "meter/year"}),
            "relief": (("y", "x"), world.relief_pattern(), {"units": "1"}),
            "shift": (
                ("scene", "component"),
                np.stack([shifts[a] for a in plan]),
                {"units": "pixel"},
            ),
            "relief_shift": (("scene",), [relief_shift[a.orbit] for a in plan], {"units": "pixel"}),
            "day": (("scene",), [a.day.toordinal() for a in plan], {"units": "day"}),
        },
        coords=coords | {"scene": np.array(scenes, dtype="U40")},
        attrs={
            "title": f"True motion of the synthetic {glacier.label}",
            "description": NOTICE,
            "synthetic": "true",
            "spacing": world.spacing,
            "crs": f"EPSG:{geobox.crs.epsg}",
        },
    )
    # Format 2 has fixed-length strings; format 3 has no agreed ones yet.
    truth.to_zarr(folder / "truth.zarr", mode="w", zarr_format=2, consolidated=False)
    outline = {"name": [glacier.label], "synthetic": [True]}
    gpd.GeoDataFrame(outline, geometry=[ice.outline], crs=geobox.crs.epsg).to_crs(4326).to_file(
        folder / "outline.geojson"
    )
    stakes = gpd.GeoDataFrame(
        {"name": [s.name for s in glacier.stakes]},
        geometry=gpd.points_from_xy(
            [s.lon for s in glacier.stakes], [s.lat for s in glacier.stakes]
        ),
        crs=4326,
    )
    rows = []
    for stake, point in zip(stakes.name, stakes.to_crs(geobox.crs.epsg).geometry, strict=True):
        column, row = ~geobox.affine * (point.x, point.y)
        start = np.array([column - 0.5]), np.array([row - 0.5])
        for year in glacier.twin.years[1:]:
            end = advect(truth.vx.values, truth.vy.values, world.spacing, *start, 1.0)
            moved = float(np.hypot(end[0] - start[0], end[1] - start[1])[0]) * world.spacing
            row = {"name": stake, "year": year, "speed": round(moved, 2), "synthetic": True}
            rows.append(row | {"geometry": point})
    if rows:
        gpd.GeoDataFrame(rows, crs=geobox.crs.epsg).to_crs(4326).to_file(folder / "stakes.geojson")


def true_displacement(
    truth: xr.Dataset, reference: str, secondary: str
) -> tuple[np.ndarray, np.ndarray]:
    """The displacement every pixel of scene `reference` underwent to scene `secondary`, in pixels.

    Both scenes' mis-registration is in it: `secondary(x + u, y + v) = reference(x, y)` holds for the images.
    """
    first, second = truth.sel(scene=reference), truth.sel(scene=secondary)
    years = float(second.day - first.day) / DAYS_PER_YEAR
    rows, columns = np.meshgrid(
        np.arange(truth.sizes["y"]), np.arange(truth.sizes["x"]), indexing="ij"
    )
    relief = truth.relief.values
    column = columns - float(first["shift"][0]) - float(first.relief_shift) * relief
    row = rows - float(first["shift"][1])
    column, row = advect(
        truth.vx.values, truth.vy.values, truth.attrs["spacing"], column.ravel(), row.ravel(), years
    )
    column, row = column.reshape(relief.shape), row.reshape(relief.shape)
    # A pixel q of the secondary shows the world at q - shift - k relief(q): one step solves for q, relief is smooth.
    lift = ndimage.map_coordinates(relief, [row, column], order=1, mode="nearest")
    u = column + float(second["shift"][0]) + float(second.relief_shift) * lift - columns
    v = row + float(second["shift"][1]) - rows
    return u.astype(np.float32), v.astype(np.float32)
