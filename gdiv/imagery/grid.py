"""The one grid of a study."""

from odc.geo.geobox import GeoBox
from pyproj import Transformer


def study_grid(bbox: tuple[float, float, float, float], epsg: int, spacing: float = 10.0, origin: tuple[float, float] = (0.0, 0.0)) -> GeoBox:
    """The smallest grid of whole pixels that covers `bbox` (west, south, east, north; degrees) in UTM zone `epsg`.

    Pixel edges lie at `origin` plus multiples of `spacing` (metres), so that scenes on that grid are
    cropped and never resampled; corners lie on even multiples, where Sentinel-2's 20 m mask starts too.
    """
    west, south, east, north = Transformer.from_crs(4326, epsg, always_xy=True).transform_bounds(*bbox)
    step = 2 * spacing

    def snap(value, start, up):
        return start + step * (-((start - value) // step) if up else (value - start) // step)

    left, right = snap(west, origin[0], False), snap(east, origin[0], True)
    bottom, top = snap(south, origin[1], False), snap(north, origin[1], True)
    return GeoBox.from_bbox((left, bottom, right, top), crs=f"EPSG:{epsg}", resolution=spacing, tight=True)
