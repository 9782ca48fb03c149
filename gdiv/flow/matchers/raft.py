"""RAFT from the better of Horn-Schunck's and its own displacement, by `gdiv.flow.raft.hybrid`."""

import math
from functools import cache, partial
from typing import TYPE_CHECKING

from gdiv.extras import requires
from gdiv.images.arrays import Component, Image

if TYPE_CHECKING:
    from gdiv.flow.raft.network import Raft

__all__ = ["MATCHER", "shipped_network"]

#: Maximum number of pixels matched at once; larger images are matched in blocks.
MAX_WHOLE = 1536**2


@cache
def shipped_network(preset: str = "gdiv") -> "Raft":
    """Load a network that ships with gdiv, in evaluation mode.

    Parameters
    ----------
    preset : {"gdiv", "refinement"}, optional
        The network that matches alone, or the one that refines a start.

    Returns
    -------
    Raft
        The network; loaded once per process.

    Raises
    ------
    MissingPackageError
        If PyTorch is not installed.
    """
    with requires("train", "RAFT"):
        from gdiv.flow.raft.checkpoints import SHIPPED, load_weights
    return load_weights(SHIPPED.with_stem(preset))[0]


class RaftMatcher:
    """Recurrent refinement (Teed and Deng 2020) of the better of two displacements."""

    name = "raft"
    label = "RAFT hybrid"
    colour = "#D55E00"
    reach = math.inf
    cost = 10.0
    needs = ("torch", "safetensors")

    def match(
        self, reference: Image, secondary: Image, *, network: "Raft | None" = None
    ) -> tuple[Component, Component, Image, Image]:
        """Predict the displacement and its error.

        Parameters
        ----------
        reference, secondary : ndarray, shape (H, W)
            The earlier and the later image; NaN is no data.
        network : Raft, optional
            Network that proposes a displacement in addition to Horn-Schunck; by default the one
            shipped with gdiv. `gdiv.predict_flow` returns the displacement of a network alone.

        Returns
        -------
        u, v : ndarray, shape (H, W)
            Displacement along columns and along rows, in pixels.
        sigma_u, sigma_v : ndarray, shape (H, W)
            Their standard errors, in pixels.
        """
        with requires("train", "RAFT"):
            from gdiv.flow.raft.blocks import predict_in_blocks
            from gdiv.flow.raft.hybrid import predict_hybrid
        refining = shipped_network("refinement")
        predict = partial(predict_hybrid, network or shipped_network(), refining)
        if reference.size <= MAX_WHOLE:
            whole = predict(reference, secondary)
        else:
            whole = predict_in_blocks(predict, reference, secondary)
        u, v, sigma_u, sigma_v = whole
        return u, v, sigma_u, sigma_v


MATCHER = RaftMatcher()
