"""Where gdiv runs from: a checkout, or an installed wheel with copies of the same files."""

from pathlib import Path

PACKAGE = Path(__file__).parent


def checkout() -> Path | None:
    """Root of the checkout this package is imported from; None for an installed wheel.

    The folder's name decides nothing: a clone is often called `gdiv` itself.
    """
    root = PACKAGE.parent
    is_checkout = (root / "data_catalog.yaml").is_file() and (root / "notebooks").is_dir()
    return root if is_checkout else None


def shipped(name: str) -> Path:
    """Path of `data_catalog.yaml`, `notebooks` or `published`, which a wheel carries in the package."""
    root = checkout()
    if root is None:
        return PACKAGE / name
    return root / "results" / "published" if name == "published" else root / name
