"""Match every pair, one Dask task per pair, and measure the apparent motion of stable ground."""

import json
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from gdiv.flow.matchers.matching import Match, match_images
from gdiv.flow.matchers.measurement import check_options
from gdiv.flow.matchers.registry import get_matcher, source_hash
from gdiv.imagery.coregistration import stable_ground_statistics
from gdiv.images.arrays import Image, Mask
from gdiv.velocity.large_pairs import is_large, match_large_pair
from gdiv.velocity.stable_ground import add_ground_error

__all__ = ["match_pairs", "summarise_pairs", "training_arrays"]

#: Statistics of stable ground, per pair.
STATISTICS = ("bias_x", "bias_y", "nmad_x", "nmad_y")
#: Units and names of the variables.
ATTRIBUTES = {
    "u": {"units": "pixel", "long_name": "displacement along columns"},
    "v": {"units": "pixel", "long_name": "displacement along rows"},
    "quality": {"units": "1", "long_name": "local correlation after the match"},
    "sigma_u": {"units": "pixel", "long_name": "standard error of u"},
    "sigma_v": {"units": "pixel", "long_name": "standard error of v"},
    "residual": {"units": "pixel", "long_name": "forward-backward error"},
    **{name: {"units": "pixel"} for name in STATISTICS},
}
#: Minimum quality of a vector, on stable ground and as a label.
MIN_RELIABLE = 0.5
#: Coordinates of scenes that are dropped from pairs.
SCENE_COORDINATES = ("scene", "time", "orbit", "season_year", "offset")


def match_pairs(
    cube: xr.Dataset,
    pairs: pd.DataFrame,
    stable: Mask,
    matcher: str,
    *,
    check_consistency: bool = False,
    prewarp: str | None = None,
    **options: Any,
) -> xr.Dataset:
    """Match every pair with one matcher, lazily.

    Nothing is computed until the result is loaded or saved. Each pair is matched whole in one task,
    so the result does not depend on the chunks of the cube. Pairs with more than nine million
    pixels are matched in blocks to limit memory.

    Parameters
    ----------
    cube : xarray.Dataset
        ``reflectance`` and ``snow`` with dimensions ``(scene, y, x)``, from `gdiv.load_cube`.
    pairs : pandas.DataFrame
        Pair table with ``shift_x`` and ``shift_y``, from `gdiv.register_pairs`.
    stable : ndarray of bool, shape (H, W)
        Stable ground. Pixels with snow in either scene are excluded.
    matcher : str
        Name of a registered matcher; `gdiv.list_matchers` lists them.
    check_consistency : bool, optional
        Also compute the forward-backward error. Takes twice the time.
    prewarp : str, optional
        Name of a matcher that is run first, as in `gdiv.match_images`.
    **options
        Options of the matcher, as in `gdiv.match_images`.

    Returns
    -------
    xarray.Dataset
        Float32 ``(pair, y, x)``: ``u`` and ``v`` (pixel, registration shift subtracted),
        ``quality`` (0 to 1), ``sigma_u`` and ``sigma_v``, the standard error of each vector,
        including the excess error on stable ground (pixel), and, with `check_consistency`,
        ``residual`` (pixel). Per pair: ``bias_x``, ``bias_y``, ``nmad_x``, ``nmad_y``, the apparent
        displacement of stable ground (pixel). Coordinates per pair: ``reference``, ``secondary``
        (scene ids), their dates, ``days``, ``years``, and the subtracted ``shift_x``, ``shift_y``
        (pixel); ``map_scale`` of the cube.

    Raises
    ------
    ValueError
        If there is no pair.
    UnknownMatcherError
        If no matcher has this name.
    """
    if not len(pairs):
        raise ValueError(
            "there is no pair to match; see the scene table for the scenes of each season"
        )

    # Resolve the matcher now, to raise errors early and to send workers the matcher, not its name.
    chosen = get_matcher(matcher)
    check_options(chosen, options)
    stated = {name: _as_attribute(value) for name, value in options.items()}
    if prewarp is not None:
        stated["prewarp"] = prewarp
    before = None if prewarp is None else get_matcher(prewarp)

    def match(reference: Image, secondary: Image, place: tuple[slice, ...] | None = None) -> Match:
        here = options if place is None else _crop_options(options, place, stable.shape)
        return match_images(
            chosen,
            reference,
            secondary,
            check_consistency=check_consistency,
            prewarp=before,
            **here,
        )

    find = _match_in_blocks if is_large(cube.sizes["y"], cube.sizes["x"]) else _match_whole
    u, v, quality, sigma_u, sigma_v, residual, ground = find(match, cube, pairs, stable)
    result = xr.Dataset(
        {"u": u, "v": v, "quality": quality, "sigma_u": sigma_u, "sigma_v": sigma_v}
    )
    if check_consistency:
        result["residual"] = residual
    for index, name in enumerate(STATISTICS):
        result[name] = ground.isel(statistic=index, drop=True)
    for name, attributes in ATTRIBUTES.items():
        if name in result:
            result[name].attrs = attributes
    # Load it, since a lazy coordinate would not be stored with the pairs.
    scale = {"map_scale": cube.map_scale.compute().variable} if "map_scale" in cube.coords else {}
    return result.assign_coords(_pair_coordinates(pairs) | scale).assign_attrs(
        matcher=matcher,
        matcher_code=source_hash([matcher] if prewarp is None else [matcher, prewarp]),
        cube_written=cube.attrs.get("written", ""),
        network=_network_fingerprint(options),
        options=json.dumps(stated),
        spacing=cube.attrs["spacing"],
    )


def _match_whole(
    match: Callable[..., Match], cube: xr.Dataset, pairs: pd.DataFrame, stable: Mask
) -> Sequence[xr.DataArray]:
    """Fields of every pair and statistics of stable ground, one task per pair."""

    def match_one(*arrays: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], ...]:
        found = match(*(array[0] for array in arrays[:2]))
        return _registered(found, stable, arrays[2:4], arrays[4])

    images = [image.chunk(y=-1, x=-1) for image in _images_of_pairs(cube, pairs)]
    fields: Sequence[xr.DataArray] = xr.apply_ufunc(
        match_one,
        *images,
        _shifts(pairs).chunk(pair=1),
        input_core_dims=[["y", "x"]] * 4 + [["axis"]],
        output_core_dims=[["y", "x"]] * 6 + [["statistic"]],
        dask="parallelized",
        output_dtypes=[np.float32] * 7,
        dask_gufunc_kwargs={"output_sizes": {"statistic": len(STATISTICS)}},
    )
    return fields


def _match_in_blocks(
    match: Callable[..., Match], cube: xr.Dataset, pairs: pd.DataFrame, stable: Mask
) -> Sequence[xr.DataArray]:
    """Fields of every pair and statistics of stable ground, one task per block."""
    images = [image.data for image in _images_of_pairs(cube, pairs)]
    found = [
        match_large_pair(
            match,
            [image[index] for image in images[:2]],
            [snow[index] for snow in images[2:]],
            stable,
            shift,
            MIN_RELIABLE,
        )
        for index, shift in enumerate(_shifts(pairs).values)
    ]
    # Chunk by whole rows, as in the store.
    fields = da.stack([each for each, _ in found]).rechunk({3: -1})
    ground = xr.DataArray(da.stack([each for _, each in found]), dims=("pair", "statistic"))
    coords = {name: cube[name].variable for name in ("y", "x")}
    layers = [
        xr.DataArray(fields[:, number], coords=coords, dims=("pair", "y", "x"))
        for number in range(fields.shape[1])
    ]
    return [*layers, ground]


def _shifts(pairs: pd.DataFrame) -> xr.DataArray:
    """Registration shift of every pair, pixels."""
    return xr.DataArray(pairs[["shift_x", "shift_y"]].to_numpy(np.float32), dims=("pair", "axis"))


def _crop_options(
    options: dict[str, Any], place: tuple[slice, ...], shape: tuple[int, ...]
) -> dict[str, Any]:
    """Options for a window; options that are images, such as regions, are cropped to it."""
    return {
        name: value[place] if isinstance(value, np.ndarray) and value.shape == shape else value
        for name, value in options.items()
    }


def _registered(
    match: Match, stable: Mask, snow: Sequence[Mask], shift: npt.NDArray[Any]
) -> tuple[npt.NDArray[Any], ...]:
    """Displacement minus the registration shift, its errors and statistics on stable ground.

    Arrays have a first dimension of one pair, as passed by `xarray.apply_ufunc`.
    """
    u = match.u - shift[0, 0]
    v = match.v - shift[0, 1]
    snowy = snow[0][0] | snow[1][0]
    ground = stable & ~snowy & (match.quality > MIN_RELIABLE)
    statistics = stable_ground_statistics(u, v, ground)
    values = np.array([[statistics[name] for name in STATISTICS]], np.float32)
    sigmas = (
        add_ground_error(u, match.sigma_u, ground),
        add_ground_error(v, match.sigma_v, ground),
    )
    maps = (u, v, match.quality, *sigmas, match.residual)
    return *(each[None] for each in maps), values


def _images_of_pairs(cube: xr.Dataset, pairs: pd.DataFrame) -> list[xr.DataArray]:
    """Reflectance, then snow, of both scenes of every pair, with one chunk per pair."""
    return [
        cube[variable]
        .sel(scene=list(pairs[column]))
        .rename(scene="pair")
        .drop_vars(["pair", *SCENE_COORDINATES], errors="ignore")
        .chunk(pair=1)
        for variable in ("reflectance", "snow")
        for column in ("reference", "secondary")
    ]


def _pair_coordinates(pairs: pd.DataFrame) -> dict[str, Any]:
    """Coordinates of the dimension ``pair``."""
    coordinates: dict[str, Any] = {"pair": np.arange(len(pairs))}
    for name in ("reference", "secondary"):
        ids = np.array(list(pairs[name]), dtype=np.dtypes.StringDType())
        coordinates[name] = ("pair", ids)
    for name in ("reference_date", "secondary_date"):
        coordinates[name] = ("pair", pairs[name].to_numpy("datetime64[ns]"))
    for name in ("days", "years", "shift_x", "shift_y"):
        coordinates[name] = ("pair", pairs[name].to_numpy())
    return coordinates


def _network_fingerprint(options: dict[str, Any]) -> str:
    """Fingerprint of the weights among the options of a matcher; empty if there are none."""
    network = options.get("network")
    if network is None:
        return ""
    from gdiv.flow.raft.checkpoints import fingerprint

    return fingerprint(network)


def _as_attribute(option: Any) -> int | str:
    """Text for an option of a matcher; the checksum of an array, the type of a network."""
    if isinstance(option, np.ndarray):
        return zlib.crc32(option.tobytes())
    if hasattr(option, "state_dict"):
        return type(option).__name__
    return repr(option)


def training_arrays(
    cube: xr.Dataset, labels: xr.Dataset, where: Mask
) -> tuple[npt.NDArray[Any], list[tuple[int, int]], npt.NDArray[Any]]:
    """Load the arrays from which training tiles are cut.

    The registration shift is added back to the labels, because the network receives the original
    images, including their misregistration.

    Parameters
    ----------
    cube : xarray.Dataset
        ``reflectance`` with dimensions ``(scene, y, x)``.
    labels : xarray.Dataset
        Displacement of the pairs, from `match_pairs`.
    where : ndarray of bool, shape (H, W)
        Pixels whose labels are used for training.

    Returns
    -------
    images : ndarray, shape (scene, H, W)
        Reflectance.
    scenes : list of tuple of int
        Indices of the reference and the secondary of each pair along ``scene``.
    flows : ndarray, shape (pair, 2, H, W)
        Labels in pixels, NaN outside `where` and where their quality is below 0.5.
    """
    position = {name: index for index, name in enumerate(cube.scene.values.tolist())}
    references = labels.reference.values.tolist()
    secondaries = labels.secondary.values.tolist()
    scenes = [
        (position[reference], position[secondary])
        for reference, secondary in zip(references, secondaries, strict=True)
    ]
    u = (labels.u + labels.shift_x).values
    v = (labels.v + labels.shift_y).values
    flow = np.stack([u, v], axis=1)
    learned = where & (labels.quality.values >= MIN_RELIABLE)
    flows = np.where(learned[:, None], flow, np.float32(np.nan)).astype(np.float32)
    return cube.reflectance.values, scenes, flows


def summarise_pairs(displacement: xr.Dataset, glacier: Mask) -> pd.DataFrame:
    """Summarise the displacement of each pair, reading every pair once.

    Parameters
    ----------
    displacement : xarray.Dataset
        Displacement from `match_pairs`.
    glacier : ndarray of bool, shape (H, W)
        Ice.

    Returns
    -------
    pandas.DataFrame
        One row per pair: ``reference_date``, ``secondary_date``, ``days``; ``median_px`` and
        ``p95_px``, statistics of the displacement on ice where the quality is at least 0.5;
        ``px_per_day`` and ``m_per_year`` from this median; ``trusted``, the fraction of ice with
        this quality; ``as_seen_px``, the median before registration; bias and NMAD of stable ground
        (pixel).
    """
    rows = [
        _summary(displacement.isel(pair=index).load(), glacier, displacement.attrs["spacing"])
        for index in range(displacement.sizes["pair"])
    ]
    return pd.DataFrame(rows)


def _summary(pair: xr.Dataset, glacier: Mask, spacing: float) -> dict[str, Any]:
    """One row of the table of `summarise_pairs`."""
    scale = float(pair.map_scale.mean()) if "map_scale" in pair.coords else 1.0
    reliable = glacier & (pair.quality.values >= MIN_RELIABLE)
    length = np.hypot(pair.u, pair.v).values[reliable]
    unregistered = np.hypot(pair.u + pair.shift_x, pair.v + pair.shift_y).values[reliable]
    median, p95 = np.nanpercentile(length, [50, 95]) if length.size else (np.nan, np.nan)
    days = float(pair.days)
    return {
        "reference_date": pair.reference_date.values,
        "secondary_date": pair.secondary_date.values,
        "days": days,
        "median_px": median,
        "p95_px": p95,
        "px_per_day": median / days,
        "m_per_year": median * spacing / scale / float(pair.years),
        "as_seen_px": np.nanmedian(unregistered) if unregistered.size else np.nan,
        "trusted": length.size / max(glacier.sum(), 1),
        **{name: float(pair[name]) for name in STATISTICS},
    }
