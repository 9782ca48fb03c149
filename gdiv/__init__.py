"""Glacier velocity from satellite image pairs.

`gdiv.conventions` states signs, axes and units. Names are imported when they are first used, so
that ``import gdiv`` needs neither PyTorch nor Matplotlib.

Examples
--------
Compute a velocity map from two GeoTIFFs and an outline, generated here for illustration. The ice
moves three pixels of 10 m to the east within a year.

>>> import pathlib, tempfile
>>> import geopandas, numpy, rasterio, shapely
>>> from gdiv.images.textures import fractal_texture
>>> folder = pathlib.Path(tempfile.mkdtemp())
>>> first = 1000 + 100 * fractal_texture(256, 1.2, seed=1)
>>> second = first.copy()
>>> second[60:180, 63:183] = first[60:180, 60:180]
>>> transform = rasterio.transform.from_origin(340000, 5090000, 10, 10)
>>> grid = {"crs": "EPSG:32632", "transform": transform, "width": 256, "height": 256}
>>> for name, image in {"ref_20200801.tif": first, "sec_20210801.tif": second}.items():
...     with rasterio.open(folder / name, "w", "GTiff", count=1, dtype="float32", **grid) as file:
...         file.write(image, 1)
>>> ice = geopandas.GeoDataFrame(geometry=[shapely.box(340600, 5088200, 341830, 5089400)])
>>> ice.set_crs(32632).to_file(folder / "glacier.gpkg")
>>> files = folder / "ref_20200801.tif", folder / "sec_20210801.tif"

>>> import gdiv
>>> pair = gdiv.open_pair(*files, outline=folder / "glacier.gpkg")
>>> velocity = gdiv.velocity_from_pair(pair, matcher="raft")
>>> sorted(velocity.data_vars)
['quality', 'residual', 'v', 'v_error', 'vx', 'vx_error', 'vy', 'vy_error']
>>> round(float(velocity.vx.where(pair.glacier).median()))
30
>>> [path.name for path in velocity.gdiv.to_geotiff(folder / "out")]
['v.tif', 'vx.tif', 'vy.tif', 'v_error.tif']
>>> velocity.gdiv.to_zarr(folder / "velocity.zarr").name
'velocity.zarr'
>>> figure = velocity.gdiv.plot()
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

# Read once, when torch is loaded. Idle OpenMP threads then sleep instead of spinning, which would
# slow down other processes. The command, its kernels and cluster workers inherit the setting.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from gdiv import accessor as _accessor  # noqa: F401  (registers .gdiv of xarray datasets)
from gdiv.memory import reuse_freed_memory as _reuse_freed_memory
from gdiv.version import __version__

if TYPE_CHECKING:
    from gdiv.benchmark.running import run_benchmark as run_benchmark
    from gdiv.benchmark.suite import list_cases as list_cases, load_case as load_case
    from gdiv.catalog import load_catalog as load_catalog
    from gdiv.figures.drawing import draw_outline as draw_outline
    from gdiv.figures.interactive import interactive_map as interactive_map
    from gdiv.figures.velocity import plot_velocity as plot_velocity
    from gdiv.flow.horn_schunck.solver import solve_horn_schunck as solve_horn_schunck
    from gdiv.flow.matchers.matching import match_images as match_images
    from gdiv.flow.matchers.protocol import Matcher as Matcher
    from gdiv.flow.matchers.registry import (
        list_matchers as list_matchers,
        register_matcher as register_matcher,
    )
    from gdiv.flow.raft.checkpoints import load_weights as load_weights
    from gdiv.flow.raft.network import predict_flow as predict_flow
    from gdiv.flow.training.loop import train_network as train_network
    from gdiv.imagery.archive import find_items as find_items
    from gdiv.imagery.coregistration import register_pairs as register_pairs
    from gdiv.imagery.cube import load_cube as load_cube
    from gdiv.imagery.folder import write_items as write_items
    from gdiv.imagery.geotiffs import open_pair as open_pair
    from gdiv.imagery.masks import make_masks as make_masks
    from gdiv.imagery.outlines import read_outline as read_outline
    from gdiv.imagery.pairs import choose_pairs as choose_pairs
    from gdiv.imagery.scenes import judge_scenes as judge_scenes
    from gdiv.imagery.shift import measure_shift as measure_shift
    from gdiv.study.opening import open_study as open_study
    from gdiv.study.provenance import load_published as load_published
    from gdiv.study.run import run_study as run_study
    from gdiv.twin.scenes import render_twin as render_twin
    from gdiv.velocity.annual import combine_pairs as combine_pairs, to_velocity as to_velocity
    from gdiv.velocity.displacement import match_pairs as match_pairs
    from gdiv.velocity.export import write_geotiffs as write_geotiffs, write_zarr as write_zarr
    from gdiv.velocity.inversion import invert_network as invert_network
    from gdiv.velocity.pair import velocity_from_pair as velocity_from_pair
    from gdiv.velocity.products import velocity_product as velocity_product
    from gdiv.velocity.stakes import compare_with_stakes as compare_with_stakes
    from gdiv.velocity.uncertainty import add_errors as add_errors
    from gdiv.velocity.validation import compare_with_truth as compare_with_truth

#: Module that defines each public name, by task.
_PUBLIC = {
    # Two images
    "open_pair": "gdiv.imagery.geotiffs",
    "velocity_from_pair": "gdiv.velocity.pair",
    "match_images": "gdiv.flow.matchers.matching",
    "measure_shift": "gdiv.imagery.shift",
    "solve_horn_schunck": "gdiv.flow.horn_schunck.solver",
    "predict_flow": "gdiv.flow.raft.network",
    # Matchers
    "Matcher": "gdiv.flow.matchers.protocol",
    "list_matchers": "gdiv.flow.matchers.registry",
    "register_matcher": "gdiv.flow.matchers.registry",
    # Scenes of a glacier
    "load_catalog": "gdiv.catalog",
    "write_items": "gdiv.imagery.folder",
    "find_items": "gdiv.imagery.archive",
    "judge_scenes": "gdiv.imagery.scenes",
    "load_cube": "gdiv.imagery.cube",
    "read_outline": "gdiv.imagery.outlines",
    "make_masks": "gdiv.imagery.masks",
    "choose_pairs": "gdiv.imagery.pairs",
    "register_pairs": "gdiv.imagery.coregistration",
    # Velocity
    "match_pairs": "gdiv.velocity.displacement",
    "to_velocity": "gdiv.velocity.annual",
    "combine_pairs": "gdiv.velocity.annual",
    "add_errors": "gdiv.velocity.uncertainty",
    "invert_network": "gdiv.velocity.inversion",
    "compare_with_stakes": "gdiv.velocity.stakes",
    "compare_with_truth": "gdiv.velocity.validation",
    # Products and figures
    "velocity_product": "gdiv.velocity.products",
    "write_geotiffs": "gdiv.velocity.export",
    "write_zarr": "gdiv.velocity.export",
    "plot_velocity": "gdiv.figures.velocity",
    "interactive_map": "gdiv.figures.interactive",
    "draw_outline": "gdiv.figures.drawing",
    # Benchmark
    "list_cases": "gdiv.benchmark.suite",
    "load_case": "gdiv.benchmark.suite",
    "run_benchmark": "gdiv.benchmark.running",
    # Twin and training
    "render_twin": "gdiv.twin.scenes",
    "load_weights": "gdiv.flow.raft.checkpoints",
    "train_network": "gdiv.flow.training.loop",
    # The study
    "open_study": "gdiv.study.opening",
    "run_study": "gdiv.study.run",
    "load_published": "gdiv.study.provenance",
}

_reuse_freed_memory()

# In order of task, as on the API page.
__all__ = [  # noqa: RUF022
    "__version__",
    # Two images
    "open_pair",
    "velocity_from_pair",
    "match_images",
    "measure_shift",
    "solve_horn_schunck",
    "predict_flow",
    # Matchers
    "Matcher",
    "list_matchers",
    "register_matcher",
    # Scenes of a glacier
    "load_catalog",
    "write_items",
    "find_items",
    "judge_scenes",
    "load_cube",
    "read_outline",
    "make_masks",
    "choose_pairs",
    "register_pairs",
    # Velocity
    "match_pairs",
    "to_velocity",
    "combine_pairs",
    "add_errors",
    "invert_network",
    "compare_with_stakes",
    "compare_with_truth",
    # Products and figures
    "velocity_product",
    "write_geotiffs",
    "write_zarr",
    "plot_velocity",
    "interactive_map",
    "draw_outline",
    # Benchmark
    "list_cases",
    "load_case",
    "run_benchmark",
    # Twin and training
    "render_twin",
    "load_weights",
    "train_network",
    # The study
    "open_study",
    "run_study",
    "load_published",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'gdiv' has no attribute {name!r}")
    value = getattr(import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return sorted({*globals(), *__all__})
