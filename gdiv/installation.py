"""Locations of gdiv's files: in a checkout, or as copies in an installed wheel."""

from pathlib import Path

__all__ = ["PACKAGE", "checkout", "shipped"]

#: Folder of the package.
PACKAGE = Path(__file__).parent


def checkout() -> Path | None:
    """Root of the checkout that this package is imported from.

    Returns
    -------
    Path or None
        Folder that holds the catalog and the notebooks, whatever its name: a clone is often called
        ``gdiv`` itself. None for an installed wheel.
    """
    root = PACKAGE.parent
    is_checkout = (root / "data_catalog.yaml").is_file() and (root / "notebooks").is_dir()
    return root if is_checkout else None


def shipped(name: str) -> Path:
    """Path of a file or folder outside the package that a wheel carries inside it.

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
