"""Locations of gdiv's data files, in a checkout or in an installed wheel."""

from pathlib import Path

__all__ = ["PACKAGE", "checkout", "shipped_path"]

#: Folder of the package.
PACKAGE = Path(__file__).parent


def checkout() -> Path | None:
    """Return the root of the checkout from which this package is imported.

    Returns
    -------
    Path or None
        Folder with the catalog and the notebooks. It may have any name, since a clone is often
        called ``gdiv`` itself. None for an installed wheel.
    """
    root = PACKAGE.parent
    is_checkout = (root / "data_catalog.yaml").is_file() and (root / "notebooks").is_dir()
    return root if is_checkout else None


def shipped_path(name: str) -> Path:
    """Return the path of a file or folder that a wheel includes in the package.

    Parameters
    ----------
    name : {"data_catalog.yaml", "notebooks", "published"}
        Name in the wheel.

    Returns
    -------
    Path
        Path in the checkout, or in the package if gdiv is installed as a wheel.
    """
    root = checkout()
    if root is None:
        return PACKAGE / name
    return root / "results" / "published" if name == "published" else root / name
