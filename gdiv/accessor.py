"""The accessor ``.gdiv`` of xarray datasets with velocities: export, rotate and plot."""

from pathlib import Path
from typing import Any

import xarray as xr

__all__ = ["GdivAccessor"]


@xr.register_dataset_accessor("gdiv")
class GdivAccessor:
    """Methods of a velocity dataset, such as the output of `gdiv.velocity_from_pair`.

    Parameters
    ----------
    dataset : xarray.Dataset
        With ``vx``, ``vy``, ``v``, ``v_error`` (m/yr) on ``(y, x)`` and a CRS.
    """

    def __init__(self, dataset: xr.Dataset) -> None:
        self._dataset = dataset

    def to_geotiff(self, folder: str | Path) -> list[Path]:
        """Write speed, its components and its error as cloud-optimised GeoTIFFs.

        Parameters
        ----------
        folder : path
            Output folder; created if it does not exist.

        Returns
        -------
        list of Path
            ``v.tif``, ``vx.tif``, ``vy.tif`` and ``v_error.tif``, with ``flags.tif`` if there are
            flags; NaN is no data.
        """
        from gdiv.velocity.export import write_geotiffs

        return write_geotiffs(self._dataset, Path(folder))

    def to_zarr(self, path: str | Path, packed: bool = False) -> Path:
        """Write a Zarr store; an existing one is replaced only once the new one is complete.

        Parameters
        ----------
        path : path
            Store, such as ``velocity.zarr``.
        packed : bool, optional
            Store velocities as 16-bit integers with a scale, which takes half the space.

        Returns
        -------
        Path
            The store.
        """
        from gdiv.velocity.export import write_zarr

        return write_zarr(self._dataset, Path(path), packed)

    def to_true_north(self) -> xr.Dataset:
        """Add velocity components towards true east and north, which differ from grid axes.

        Returns
        -------
        xarray.Dataset
            The dataset with ``v_east``, ``v_north`` and their errors (m/yr).
        """
        from gdiv.velocity.true_north import rotate_to_true_north

        return rotate_to_true_north(self._dataset)

    def plot(self, max_speed: float | None = None, image: Any = None) -> Any:
        """Plot speed, arrows along the flow, and the error of the speed.

        Parameters
        ----------
        max_speed : float, optional
            Upper limit of the colours in m/yr; the 98th percentile of the speed if left out.
        image : ndarray, shape (H, W), optional
            Background image drawn beneath the speed, such as ``pair.reference``.

        Returns
        -------
        matplotlib.figure.Figure
            Speed with arrows, and its error, side by side.
        """
        from gdiv.figures import plot_velocity

        return plot_velocity(self._dataset, max_speed, image)
