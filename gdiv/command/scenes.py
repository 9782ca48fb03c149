"""Commands for user images: describe a folder of scenes, or compute one pair."""

import argparse
from pathlib import Path

from gdiv.files import write_json
from gdiv.imagery.folder import describe_files, format_files, write_items
from gdiv.imagery.single_image import PairError

__all__ = ["compute_pair", "describe_folder"]


def describe_folder(arguments: argparse.Namespace) -> None:
    """Describe a folder of GeoTIFFs.

    Parameters
    ----------
    arguments : argparse.Namespace
        Arguments of the command line.
    """
    folder = Path(arguments.folder)
    scenes = describe_files(folder, arguments.band)
    print(format_files(scenes))
    file = write_items(folder, scenes, arguments.aligned)
    print(
        f"wrote {file}\n"
        f"next: gdiv run GLACIER --source {file}  for a glacier of the catalog, or\n"
        f"      gdiv run --scenes {folder} --outline FILE  for any other glacier"
    )


def compute_pair(arguments: argparse.Namespace) -> None:
    """Compute the velocity between two images, with a map and a summary.

    Parameters
    ----------
    arguments : argparse.Namespace
        Arguments of the command line.
    """
    # Imported here, so that other commands start fast.
    import gdiv
    from gdiv.flow.matchers.measurement import MIN_SIDE
    from gdiv.velocity.pair_summary import format_summary, summarise_pair

    folder = Path(arguments.output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PairError(f"cannot write to {folder} ({error.strerror or error})") from None
    dates = tuple(arguments.dates) if arguments.dates else None
    images = gdiv.open_pair(
        arguments.reference,
        arguments.secondary,
        outline=arguments.outline or None,
        stable=arguments.stable or None,
        dates=dates,
        band=arguments.band,
        margin=arguments.margin,
    )
    if min(images.reference.shape) < MIN_SIDE:
        raise PairError(
            f"the images overlap by {images.sizes['x']} x {images.sizes['y']} pixels; each side "
            f"needs at least {MIN_SIDE}"
        )
    velocity = gdiv.velocity_from_pair(images, matcher=arguments.matcher)
    written = velocity.gdiv.to_geotiff(folder)
    velocity.gdiv.to_zarr(folder / "velocity.zarr")
    summary = summarise_pair(images, velocity)
    write_json(folder / "summary.json", summary)
    figure = velocity.gdiv.plot(image=images.reference.values)
    figure.savefig(folder / "map.png", dpi=150)
    print(format_summary(summary))
    names = ", ".join([path.name for path in written] + ["velocity.zarr", "summary.json"])
    print(f"\nwrote to {folder}: {names}\nstart with: {folder / 'map.png'}")
