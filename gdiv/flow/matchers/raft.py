"""RAFT, by `gdiv.flow.raft`, with the weights that ship or others."""

from functools import cache
from typing import TYPE_CHECKING

from gdiv.extras import requires
from gdiv.images.arrays import Component, Image

if TYPE_CHECKING:
    from gdiv.flow.raft.network import Raft

__all__ = ["MATCHER", "shipped_network"]

#: Longest displacement that the weights that ship measure, in pixels: that of their training
#: samples, 14, plus a margin; see docs/limitations.md.
REACH = 16.0
#: Pixels that a network with costs near rest processes as a whole; larger images go by blocks.
MAX_NEAR_REST = 2048**2
#: The same for a network with the costs of all pairs, whose memory grows with the square.
MAX_ALL_PAIRS = 768**2


@cache
def shipped_network() -> "Raft":
    """Load the network that ships with gdiv, in evaluation mode.

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
        from gdiv.flow.raft.checkpoints import load_weights
    return load_weights()[0]


class RaftMatcher:
    """Recurrent refinement of a flow from a cost volume (Teed and Deng 2020)."""

    name = "raft"
    label = "RAFT"
    colour = "#D55E00"
    reach = REACH
    cost = 10.0
    needs = ("torch", "safetensors")

    def match(
        self, reference: Image, secondary: Image, *, network: "Raft | None" = None
    ) -> tuple[Component, Component]:
        """Predict the displacement.

        Parameters
        ----------
        reference, secondary : ndarray, shape (H, W)
            The earlier and the later image; NaN is no data.
        network : Raft, optional
            Network with its weights; the one that ships if left out.

        Returns
        -------
        u, v : ndarray, shape (H, W)
            Displacement along columns and along rows, in pixels.
        """
        with requires("train", "RAFT"):
            from gdiv.flow.raft.blocks import predict_in_blocks
            from gdiv.flow.raft.network import predict_flow
        network = network or shipped_network()
        near_rest = network.config.reach > 0
        if reference.size <= (MAX_NEAR_REST if near_rest else MAX_ALL_PAIRS):
            flow = predict_flow(network, reference, secondary)
        else:
            block = 1024 if near_rest else 512
            flow = predict_in_blocks(network, reference, secondary, block=block)
        return flow[0], flow[1]


MATCHER = RaftMatcher()
