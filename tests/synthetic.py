"""Search the files of a run for the mark of synthetic scenes."""

import json
import re

import rasterio

# Files for gdiv alone: the lock, which is empty after the run, and checkpoints of training.
INTERNAL = ("run.lock", "checkpoints")


def list_files(run):
    """List the files of a run; a Zarr store counts as one."""
    stores = [path for path in run.rglob("*.zarr") if path.is_dir()]
    yield from stores
    for path in sorted(run.rglob("*")):
        inside = any(store in path.parents for store in stores)
        if path.is_file() and not inside and path.relative_to(run).parts[0] not in INTERNAL:
            yield path


def visible_text(path):
    """Text visible in a file: metadata of stores and images, outputs of notebooks."""
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
    """Remove script libraries, which may contain any word; keep the JSON of the page."""
    return re.sub(r"<script(?![^>]*json)[^>]*>.*?</script>", "", text, flags=re.S)


def is_marked(path):
    """Check whether a file contains the word "synthetic"."""
    return "synthetic" in visible_text(path).lower()
