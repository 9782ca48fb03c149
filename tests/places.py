"""Where the checkout lies, real scenes beside it, and a file as a source."""

from pathlib import Path

from gdiv.catalog import load_catalog

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"


def file_source(path):
    """Source that an ItemCollection file becomes."""
    return load_catalog().sources["twin"].model_copy(update={"kind": "file", "path": str(path)})
