"""Make an ItemCollection from a folder of GeoTIFFs.

Such folders may contain Planet scenes, the user's own crops, or any other scenes that are not
available from a service.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyproj
import rasterio
import shapely
from odc.geo.geobox import GeoBox
from rasterio.enums import ColorInterp
from rasterio.io import DatasetReader

from gdiv.files import read_record, short_message, write_json
from gdiv.imagery.bands import find_band, list_bands
from gdiv.imagery.dates import date_in_name
from gdiv.imagery.elevation import TERRAIN_FILE
from gdiv.imagery.items import ALIGNED
from gdiv.imagery.pixel_checks import GridError, check_pixels, crs_name
from gdiv.imagery.placement import box_polygon

__all__ = [
    "FolderError",
    "SceneFile",
    "describe_files",
    "format_files",
    "tabulate_files",
    "write_items",
]

#: Member of an ItemCollection that names the program that wrote it.
GENERATOR_KEY = "gdiv:generator"
GENERATOR = "gdiv items"
#: Printed for scenes without orbits.
UNKNOWN_ORBITS = (
    "note: the orbits are unknown; scenes of different orbits may be paired, and terrain then "
    "shows apparent motion. A column orbit in scenes.csv prevents this"
)
#: Files that are not scenes: masks of Planet, Sentinel-2, Landsat and HLS.
MASK_NAME = re.compile(
    r"(?:^|[_.-])(udm2?|mask|scl|qa_pixel|fmask|clouds?|cldprb)(?:[_.-]|$)", re.I
)
#: Optional table beside the scenes with metadata missing from the file names.
TABLE = "scenes.csv"
#: Reflectance per digital number if a file does not state it, by type: the convention of
#: Sentinel-2 and Planet for 16-bit integers, and the full range for 8 bits.
SCALES = {"uint8": 1 / 255, "uint16": 1e-4, "int16": 1e-4, "uint32": 1e-4, "int32": 1e-4}
#: Maximum number of faults listed at once.
MAX_FAULTS = 20
#: Version of STAC and of the extensions that the items follow.
STAC_VERSION = "1.1.0"
EXTENSIONS = [
    "https://stac-extensions.github.io/projection/v1.1.0/schema.json",
    "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
]


class FolderError(ValueError):
    """A folder without scenes, or with unusable files; the message names each and the cure."""


@dataclass(frozen=True)
class SceneFile:
    """One scene of a folder.

    Attributes
    ----------
    name : str
        Path below the folder.
    moment : datetime
        Time of acquisition in UTC.
    orbit : int or None
        Relative orbit, from the table beside the scenes.
    grid : odc.geo.geobox.GeoBox
        Grid of the pixels.
    band : int
        Number of the band that is matched, from 1.
    band_name : str
        Its description; may be empty.
    dtype : str
        Type of its numbers.
    nodata : float or None
        Value for no data; zero counts as no data as well.
    scale, offset : float
        Reflectance is the number times the scale plus the offset.
    """

    name: str
    moment: datetime
    orbit: int | None
    grid: GeoBox
    band: int
    band_name: str
    dtype: str
    nodata: float | None
    scale: float
    offset: float


def describe_files(folder: Path, band: str = "") -> list[SceneFile]:
    """Read the metadata of every GeoTIFF in a folder that a study needs.

    Parameters
    ----------
    folder : Path
        Folder of ``*.tif`` files, searched with its subfolders; files named like masks are skipped.
        Pixels must be square and north up in a projected CRS in metres, with values of any real
        type. The date is in the file name, or in the column ``date`` of a ``scenes.csv`` in the
        folder, whose column ``file`` names the file; an optional column is ``orbit``.
    band : str, optional
        Band to match: number or name in multi-band files; part of the file name or the name of the
        folder for single-band files. By default near infrared, found by name.

    Returns
    -------
    list of SceneFile
        Scenes, oldest first.

    Raises
    ------
    FolderError
        If the folder or its files are missing, or if files cannot be used; the message lists all.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FolderError(f"the folder {folder} does not exist")
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in (".tif", ".tiff") and path.is_file()
    )
    paths = [
        path for path in paths if not MASK_NAME.search(path.stem) and path != folder / TERRAIN_FILE
    ]
    named = [path for path in paths if _names_band(path.relative_to(folder), band)]
    if named:  # single-band files, in folders or with names of the bands
        paths, band = named, ""
    if not paths:
        raise FolderError(f"{folder} contains no GeoTIFF (*.tif, *.tiff)")
    table = _read_table(folder)
    scenes: list[SceneFile] = []
    faults: list[str] = []
    for path in paths:
        name = path.relative_to(folder).as_posix()
        try:
            scenes.append(_describe(path, name, table.get(name, {}), band))
        except (FolderError, GridError) as fault:
            faults.append(str(fault))
    faults += _repeated_scenes(scenes) + _deviating_scales(scenes)
    if faults:
        listed = "\n  ".join(faults[:MAX_FAULTS])
        more = f"\n  and {len(faults) - MAX_FAULTS} more" if len(faults) > MAX_FAULTS else ""
        raise FolderError(f"{len(faults)} of {len(paths)} files cannot be used:\n  {listed}{more}")
    return sorted(scenes, key=lambda scene: (scene.moment, scene.name))


def write_items(
    folder: Path, scenes: Sequence[SceneFile] | None = None, aligned: bool = False
) -> Path:
    """Write ``items.json`` into a folder, with one item per scene.

    Parameters
    ----------
    folder : Path
        Folder.
    scenes : sequence of SceneFile, optional
        Scenes from `describe_files`, which is called by default.
    aligned : bool, optional
        True if the scenes are co-registered, so that pairs without stable ground can be used.

    Returns
    -------
    Path
        The file written. Its links are relative to the folder.

    Raises
    ------
    FolderError
        As `describe_files`, or if the folder cannot be written to or has an ``items.json`` of
        another program.
    """
    folder = Path(folder)
    items = [_make_item(s, folder) for s in (describe_files(folder) if scenes is None else scenes)]
    if aligned:
        for item in items:
            item["properties"][ALIGNED] = True
    target = folder / "items.json"
    if target.exists() and read_record(target).get(GENERATOR_KEY) != GENERATOR:
        raise FolderError(
            f"{target} was not written by gdiv and would be overwritten; use it with --source "
            f"{target}, or move it away"
        )
    try:
        write_json(
            target, {"type": "FeatureCollection", GENERATOR_KEY: GENERATOR, "features": items}
        )
    except OSError as error:
        raise FolderError(f"{target} cannot be written ({error.strerror or error})") from None
    return target


def format_files(scenes: Sequence[SceneFile]) -> str:
    """Format the metadata that was read from the files of a folder as text.

    Parameters
    ----------
    scenes : sequence of SceneFile
        From `describe_files`.

    Returns
    -------
    str
        The table of `tabulate_files`, with a note if the orbits are unknown.
    """
    table = tabulate_files(scenes).to_string(index=False)
    unknown = all(scene.orbit is None for scene in scenes)
    return f"{table}\n{UNKNOWN_ORBITS}" if unknown else table


def tabulate_files(scenes: Sequence[SceneFile]) -> pd.DataFrame:
    """Tabulate the metadata that was read from the files of a folder.

    Parameters
    ----------
    scenes : sequence of SceneFile
        From `describe_files`.

    Returns
    -------
    pandas.DataFrame
        One row per scene.
    """
    rows = [
        {
            "file": scene.name,
            "date (UTC)": f"{scene.moment:%Y-%m-%d %H:%M}",
            "orbit": "unknown" if scene.orbit is None else str(scene.orbit),
            "band": f"{scene.band} {scene.band_name}".strip(),
            "type": scene.dtype,
            "no data": "0" if scene.nodata is None else f"{scene.nodata:g}, 0",
            "reflectance": f"{scene.scale:g} n" + (f" {scene.offset:+g}" if scene.offset else ""),
            "pixel (m)": f"{scene.grid.resolution.x:g}",
            "projection": crs_name(scene.grid),
        }
        for scene in scenes
    ]
    return pd.DataFrame(rows)


def _names_band(path: Path, band: str) -> bool:
    """Check whether a part of a path, between separators, is the name of a band."""
    parts = [part.lower() for part in re.split(r"[/_.-]", path.with_suffix("").as_posix())]
    return bool(band) and not band.isdigit() and band.lower() in parts


def _read_table(folder: Path) -> dict[str, dict[str, Any]]:
    """Rows of the table beside the scenes, by file."""
    path = folder / TABLE
    if not path.exists():
        return {}
    try:
        table = pd.read_csv(path, dtype=str)
    except (OSError, ValueError) as error:
        raise FolderError(f"{path} could not be read ({error})") from None
    if "file" not in table:
        raise FolderError(f"{path} has no column 'file'; it has {', '.join(table.columns)}")
    return {str(row["file"]): row.dropna().to_dict() for _, row in table.iterrows()}


def _describe(path: Path, name: str, row: dict[str, Any], band: str) -> SceneFile:
    """Description of one file."""
    moment = _moment(path, name, row)
    try:
        file = rasterio.open(path, driver="GTiff")
    except rasterio.errors.RasterioIOError as error:
        raise FolderError(f"{name} cannot be read: {short_message(error)}") from None
    with file:
        number = _choose_band(file, name, band)
        dtype = file.dtypes[number - 1]
        if file.colorinterp[number - 1] == ColorInterp.palette:
            raise FolderError(f"{name} has a colour palette; run gdal_translate -expand gray on it")
        if dtype.startswith("complex"):
            raise FolderError(f"{name} has complex numbers; convert it to magnitude")
        if file.crs is None:
            raise FolderError(
                f"{name} has no CRS; assign one: gdal_edit.py -a_srs EPSG:326NN {name}"
            )
        grid = GeoBox(file.shape, file.transform, file.crs)
        check_pixels(grid, name)
        scale, offset = file.scales[number - 1], file.offsets[number - 1]
        if (scale, offset) == (1, 0):
            scale = SCALES.get(dtype, 1.0)
        return SceneFile(
            name=name,
            moment=moment,
            orbit=_orbit(name, row),
            grid=grid,
            band=number,
            band_name=file.descriptions[number - 1] or "",
            dtype=dtype,
            nodata=file.nodatavals[number - 1],
            scale=scale,
            offset=offset,
        )


def _moment(path: Path, name: str, row: dict[str, Any]) -> datetime:
    """Time of a scene, from the table or from its name."""
    if "date" in row:
        try:
            stamp = pd.to_datetime(row["date"], format="ISO8601")
        except ValueError:
            raise FolderError(
                f"{name}: {TABLE} has the date {row['date']!r}; write it as YYYY-MM-DD"
            ) from None
        return (stamp.tz_convert(UTC) if stamp.tzinfo else stamp).tz_localize(None).to_pydatetime()
    moment = date_in_name(path.stem)
    if moment is None:
        raise FolderError(
            f"{name} has no date in its name; rename it, for example to scene_20200731.tif, or "
            f"write a {TABLE} with the columns file and date"
        )
    return moment


def _orbit(name: str, row: dict[str, Any]) -> int | None:
    """Relative orbit in the table; None without one."""
    if "orbit" not in row:
        return None
    try:
        return int(float(row["orbit"]))
    except ValueError:
        raise FolderError(f"{name}: the orbit {row['orbit']!r} in {TABLE} is no integer") from None


def _choose_band(file: DatasetReader, name: str, band: str) -> int:
    """Number of the band that is matched."""
    number = find_band(file.descriptions, band)
    if number is None and file.count == 1 and not band:
        return 1
    if number is None:
        raise FolderError(
            f"{name} has no band {band or 'described as near infrared'} among "
            f"{list_bands(file.descriptions)}; choose one: --band NUMBER or NAME"
        )
    return number


def _repeated_scenes(scenes: Sequence[SceneFile]) -> list[str]:
    """Faults of scenes with the same time and position."""
    groups: dict[Any, list[str]] = {}
    for scene in scenes:
        extent = (scene.moment, scene.grid.crs, tuple(round(v, 3) for v in scene.grid.boundingbox))
        groups.setdefault(extent, []).append(scene.name)
    return [
        f"{', '.join(names)} have the same time and position; choose a band with --band NAME"
        for names in groups.values()
        if len(names) > 1
    ]


def _deviating_scales(scenes: Sequence[SceneFile]) -> list[str]:
    """Faults of scenes whose scale or offset differs from that of the source."""
    if not scenes:
        return []
    counts = Counter((scene.scale, scene.offset) for scene in scenes)
    (common_scaling, _), *_ = counts.most_common()
    return [
        f"{scene.name} ({scene.dtype}) has the scale {scene.scale:g} and the offset "
        f"{scene.offset:g}, most others {common_scaling[0]:g} and {common_scaling[1]:g}; "
        f"move it to its own folder, or convert it"
        for scene in scenes
        if (scene.scale, scene.offset) != common_scaling
    ]


def _make_item(scene: SceneFile, folder: Path) -> dict[str, Any]:
    """STAC item of one scene."""
    crs = scene.grid.crs
    if crs is None:
        raise FolderError(f"{scene.name} has no CRS; assign one with gdal_edit.py -a_srs")
    to_degrees = pyproj.Transformer.from_crs(crs, 4326, always_xy=True)
    bounds = to_degrees.transform_bounds(*scene.grid.boundingbox)  # across 180 degrees as well
    properties: dict[str, Any] = {"datetime": f"{scene.moment.isoformat()}Z", "proj:epsg": crs.epsg}
    if crs.epsg is None:
        properties["proj:wkt2"] = crs.to_wkt()
    if scene.orbit is not None:
        properties["sat:relative_orbit"] = scene.orbit
    image = {
        "href": f"./{scene.name}",
        "type": "image/tiff; application=geotiff",
        "roles": ["data"],
        "proj:shape": list(scene.grid.shape),
        "proj:transform": list(scene.grid.affine)[:6],
        "gdiv:band": scene.band,
        "raster:bands": [
            {
                "data_type": scene.dtype,
                "scale": scene.scale,
                "offset": scene.offset,
                "nodata": 0 if scene.nodata is None else _json_number(scene.nodata),
            }
        ],
    }
    return {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": EXTENSIONS,
        "id": Path(scene.name).with_suffix("").as_posix().replace("/", "-"),
        "collection": folder.resolve().name,
        "geometry": shapely.geometry.mapping(box_polygon(bounds)),
        "bbox": list(bounds),
        "properties": properties,
        "links": [],
        "assets": {"image": image},
    }


def _json_number(value: float) -> float | str:
    """Convert a number to JSON for the raster extension, with NaN and infinity as strings."""
    if value != value:
        return "nan"
    return value if abs(value) < float("inf") else ("inf" if value > 0 else "-inf")
