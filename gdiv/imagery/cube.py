"""Items to one lazy cube: reflectance and clear sky on the study's grid, pixel for pixel as in the archive."""

import numpy as np
import pandas as pd
import stackstac
import xarray as xr
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling
from stackstac.rio_reader import AutoParallelRioReader

from gdiv.extras import requires

# Sentinel-2 scene classification: shadowed terrain (2), plants, ground, water and unclassified (4-7), snow
# and ice (11) are seen; no data, saturated, cloud shadow, cloud and cirrus are not.
SCL_CLEAR = (2, 4, 5, 6, 7, 11)
SCL_SNOW, SCL_SHADE = 11, 2
# Landsat qa_pixel bits: fill, dilated cloud, cirrus, cloud, cloud shadow; snow is bit 5.
QA_HIDDEN, QA_SNOW = 0b11111, 1 << 5

_READS = stackstac.DEFAULT_GDAL_ENV.updated(
    always=dict(
        GDAL_HTTP_MAX_RETRY="4",
        GDAL_HTTP_RETRY_DELAY="1",  # seconds, doubled each time
        GDAL_HTTP_RETRY_CODES="ALL",
        GDAL_HTTP_TIMEOUT="60",
        GDAL_HTTP_CONNECTTIMEOUT="20",
        AWS_REQUEST_PAYER="requester",  # Landsat on AWS: read by whoever has credentials
    )
)


def classify(mask: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Where a mask band sees the ground, and where that is snow or ice; `kind` is `scl` or `qa_pixel`."""
    if kind == "scl":
        return np.isin(mask, SCL_CLEAR), mask == SCL_SNOW
    return (mask & QA_HIDDEN) == 0, (mask & QA_SNOW) != 0


def load_asset(items: list[dict], source, role: str, grid: GeoBox) -> xr.DataArray:
    """One asset of many items as a lazy `(time, y, x)` uint16 array on `grid`: `image`, `mask`, or a colour's name.

    stackstac reads `proj:epsg` only, so that is given where an item has the newer `proj:code`; without it the images
    would be resampled silently.
    """
    box, epsg = grid.boundingbox, grid.crs.epsg
    asset = {"image": source.image, "mask": source.mask, **source.colour}[role]
    fill = 0 if role == "mask" else source.nodata
    stack = stackstac.stack(
        [item | {"properties": item["properties"] | {"proj:epsg": epsg}} for item in items],
        assets=[asset],
        epsg=epsg,
        resolution=abs(grid.resolution.x),
        bounds=(box.left, box.bottom, box.right, box.top),
        snap_bounds=False,  # the grid is pinned already; snapping assumes an origin of zero
        dtype=np.dtype(np.uint16),
        fill_value=np.uint16(fill),
        rescale=False,
        resampling=Resampling.nearest,
        xy_coords="center",
        chunksize=512,
        sortby_date=False,
        gdal_env=_READS,
        reader=_SigningReader if source.signing == "planetary-computer" else AutoParallelRioReader,
    )
    if stack.shape[-2:] != grid.shape:
        raise ValueError(
            f"asset {asset} came on a grid of {stack.shape[-2:]} instead of {tuple(grid.shape)}"
        )
    return stack.squeeze("band").reset_coords(drop=True).drop_attrs()


class _SigningReader(AutoParallelRioReader):
    """Signs a link when its file is opened: no graph or store ever holds a signature, and none is old when used."""

    def _open(self):
        with requires("study", "this source"):
            import planetary_computer

        unsigned, self.url = self.url, planetary_computer.sign(self.url)
        try:
            return super()._open()
        finally:
            self.url = unsigned


def load_picture(item: dict, source, grid: GeoBox, roles: list[str]) -> xr.DataArray:
    """One scene to look at: reflectance `(y, x)` of one role, or `(y, x, band)` of several. Reads at once."""
    bands = [
        load_asset([item], source, role, grid)[0].drop_vars("time", errors="ignore")
        for role in roles
    ]
    picture = (
        xr.concat(bands, "band", coords="minimal", compat="override")
        .transpose("y", "x", "band")
        .compute()
    )
    reflectance = (picture * np.float32(source.scale)).where(picture != source.nodata)
    return reflectance.squeeze("band") if len(roles) == 1 else reflectance


def load_cube(items: list[dict], scenes: pd.DataFrame, source, grid: GeoBox) -> xr.Dataset:
    """A lazy cube of the scenes marked `use`; nothing is read before it is computed or saved.

    Returns
    -------
    xarray.Dataset
        `reflectance` float32 `(scene, y, x)`, NaN where there is no data or cloud; `snow` bool, snow or
        bare ice by the mask (false where a source has no mask). Coordinates: `time`, `orbit`, `season_year`
        a scene, and `x`, `y` as pixel centres.
    """
    used = scenes[scenes.verdict == "use"]
    by_id = {item["id"]: item for item in items}
    chosen = [by_id[name] for name in used.id]
    numbers = load_asset(chosen, source, "image", grid)
    offset = xr.DataArray(used.offset.to_numpy(np.float32), dims="time")
    reflectance = numbers.astype(np.float32) * np.float32(source.scale) + offset
    visible = numbers != source.nodata
    snow = xr.zeros_like(visible)
    if source.mask and all(source.mask in item["assets"] for item in chosen):
        mask = load_asset(chosen, source, "mask", grid)
        clear = xr.apply_ufunc(
            lambda m: classify(m, source.mask_kind)[0],
            mask,
            dask="parallelized",
            output_dtypes=[bool],
        )
        snow = xr.apply_ufunc(
            lambda m: classify(m, source.mask_kind)[1],
            mask,
            dask="parallelized",
            output_dtypes=[bool],
        )
        visible = visible & clear.data
        snow = snow.copy(data=snow.data)
    cube = xr.Dataset(
        {
            "reflectance": reflectance.where(visible).assign_attrs(
                units="1", long_name=f"surface reflectance, {source.image}"
            ),
            "snow": snow.astype(bool).assign_attrs(
                units="1", long_name="snow or bare ice in the scene's mask"
            ),
        }
    )
    cube = cube.drop_vars("time", errors="ignore").rename(time="scene")
    coords = {
        "scene": np.arange(len(used)),
        "time": ("scene", used.date.to_numpy("datetime64[ns]")),
        "season_year": ("scene", used.season_year.to_numpy(np.int32)),
        "orbit": ("scene", used.orbit.fillna(0).to_numpy(np.int32)),
    }
    # The last two so that a load is resumed only by one that would read the same.
    return cube.assign_coords(coords).assign_attrs(
        scene_ids=list(used.id),
        spacing=abs(grid.resolution.x),
        offsets=used.offset.tolist(),
        source=source.model_dump_json(exclude={"path", "label", "url"}),
    )
