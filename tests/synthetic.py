"""Search a run for the word that its scenes decide: `synthetic`."""

import json
import re

import rasterio

# Written by the machine for itself: a lock that is empty after the run, and states to resume training from.
OWN = ("run.lock", "checkpoints")


def files(run):
    """Every file of a run, a Zarr store counting as one."""
    stores = [path for path in run.rglob("*.zarr") if path.is_dir()]
    yield from stores
    for path in sorted(run.rglob("*")):
        inside = any(store in path.parents for store in stores)
        if path.is_file() and not inside and path.relative_to(run).parts[0] not in OWN:
            yield path


def text_of(path):
    """What a reader of the file can find in it: metadata of stores and images, and outputs of notebooks."""
    if path.suffix == ".zarr":
        return "".join(
            (path / n).read_text() for n in ("zarr.json", ".zattrs") if (path / n).exists()
        )
    if path.suffix in (".tif", ".tiff"):
        with rasterio.open(path) as file:
            return str(file.tags())
    if path.suffix == ".ipynb":
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        notice = [cell["source"] for cell in cells if cell.get("id") == "notice"]
        shown = [
            output.get("text") or output.get("data", {})
            for cell in cells
            for output in cell.get("outputs", [])
        ]
        data = [
            {
                kind: value
                for kind, value in each.items()
                if "javascript" not in kind and "bokehjs" not in kind
            }
            if isinstance(each, dict)
            else each
            for each in shown
        ]
        return str(notice) + without_scripts(str(data))
    text = path.read_bytes().decode("latin-1")
    return without_scripts(text) if path.suffix == ".html" else text


def without_scripts(text):
    """Libraries of scripts hold every word of the dictionary; what a page draws is JSON, and stays."""
    return re.sub(r"<script(?![^>]*json)[^>]*>.*?</script>", "", text, flags=re.S)


def says_synthetic(path):
    return "synthetic" in text_of(path).lower()
