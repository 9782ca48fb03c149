"""Provenance of results: the code, the versions of packages, the published claims."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from gdiv.installation import PACKAGE, shipped_path
from gdiv.study.journal import log_access

__all__ = ["code_hash", "load_published", "published_picture", "versions"]

#: Packages whose versions results may depend on.
PACKAGES = ("numpy", "numba", "scipy", "rasterio", "xarray", "torch", "scikit-image")
#: Files that results may depend on.
SOURCES = (".py", ".safetensors", ".json")
#: Folder of the published results in an installed package.
PUBLISHED = "published"


@cache
def code_hash() -> str:
    """Hash of gdiv's modules, weights and calibrations, sixteen hexadecimal digits."""
    digest = hashlib.sha256()
    paths = (path.relative_to(PACKAGE) for path in PACKAGE.rglob("*") if path.suffix in SOURCES)
    for path in sorted(path for path in paths if path.parts[0] != PUBLISHED):
        digest.update(path.as_posix().encode())
        digest.update((PACKAGE / path).read_bytes())
    return digest.hexdigest()[:16]


def versions() -> str:
    """List the versions of the installed packages that results may depend on."""
    import cv2  # listed under different names by conda and pip

    return ", ".join([f"opencv {cv2.__version__}", *_installed_versions()])


def _installed_versions() -> Iterator[str]:
    """Name and version of each installed package."""
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            yield f"{name} {version(name)}"


def load_published(name: str = "claims") -> Any:
    """Load a published result shipped with gdiv.

    Parameters
    ----------
    name : str, optional
        ``"claims"`` for those of the demo run; ``"glaciers"``, ``"perito-moreno"``, ``"yahtse"``
        and ``"zmutt"`` for others; ``"benchmark"``, ``"realism"``, ``"bench-matchers"``,
        ``"bench-networks"``, ``"bench-ablation"``, ``"bench-designs"``,
        ``"bench-errors"``, ``"bench-hypothesis"``, ``"checks"``, ``"costs"``,
        ``"gate"``, ``"bench-real-errors"``.

    Returns
    -------
    dict or list
        Content of the JSON file. Claims have ``value``, ``unit`` and ``meaning``.

    Examples
    --------
    >>> load_published()["mosaic.raft.rmse"]["unit"]
    'm/yr'
    """
    folder = shipped_path("published")
    log_access("read", f"published/{name}")
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


def published_picture(name: str) -> Path:
    """Return the path of a published figure shipped with gdiv.

    Parameters
    ----------
    name : str
        Name, such as ``"speed"`` for the RAFT hybrid mosaic of the synthetic Mer de Glace.

    Returns
    -------
    Path
        PNG file.
    """
    log_access("read", f"published/{name}.png")
    return shipped_path("published") / f"{name}.png"
