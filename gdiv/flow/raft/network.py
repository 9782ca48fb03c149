"""RAFT for glacier images: recurrent refinement of a flow from a cost volume.

The network has five parts: an encoder of matching features, an encoder of context, a cost volume,
a recurrent update and a convex upsampling (Teed and Deng 2020,
doi:10.1007/978-3-030-58536-5_24). `PRESETS` contains the network of the paper that this study
follows, and gdiv's own. Ours differs because ice moves a few pixels per year, not hundreds:

- Features have a quarter of the resolution instead of an eighth.
- Costs are computed only for displacements within `reach` cells of zero, so that memory grows
  linearly with the image, not quadratically.
- The first flow is the expected displacement under the softmax of these costs instead of zero.
- Features of every pixel give each refinement a Gauss-Newton step from their residual after the
  secondary is warped (Lucas and Kanade 1981; Baker and Matthews 2004,
  doi:10.1023/B:VISI.0000011205.11775.fd). Costs resolve a fraction of a cell, this step a
  hundredth of a pixel.

Shapes: B batch, C channels, H x W pixels, h x w cells. Flows and positions are (column, row).
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import nn

from gdiv.conventions import MAX_BRIGHTNESS
from gdiv.flow.raft.config import PRESETS, RaftConfig
from gdiv.flow.raft.costs import CostVolume
from gdiv.flow.raft.encoders import Encoder
from gdiv.flow.raft.gauss_newton import GaussNewton
from gdiv.flow.raft.update import Update, Upsampling
from gdiv.images.tensors import local_contrast

__all__ = ["PRESETS", "Raft", "RaftConfig", "predict_flow"]

#: Logarithm of the similarities' factor before training.
FIRST_SHARPNESS = 2.7
#: Logarithm of the scale of errors before training, in pixels.
FIRST_ERROR = -2.0


class Raft(nn.Module):
    """Network that predicts the flow between two images.

    Parameters
    ----------
    config : RaftConfig, optional
        Sizes of the network.

    Raises
    ------
    ValueError
        If the stride is not 2, 4 or 8, or if costs near zero displacement have more than one
        pyramid level.
    """

    def __init__(self, config: RaftConfig = PRESETS["gdiv"]):
        super().__init__()
        if config.stride not in (2, 4, 8):
            raise ValueError(f"stride must be 2, 4 or 8, got {config.stride}")
        if config.reach and config.levels > 1:
            raise ValueError(
                "costs near zero displacement need one level; set levels=1 or reach=0, "
                f"got reach {config.reach} and {config.levels} levels"
            )
        self.config = config
        inputs = config.inputs
        sizes = (config.narrow, config.stride, config.blocks, config.norm)
        self.matching = Encoder(inputs, config.features, *sizes)
        self.context = Encoder(inputs, 2 * config.hidden, *sizes)
        sharpness = torch.tensor(FIRST_SHARPNESS)
        self.sharpness = nn.Parameter(sharpness) if config.reach else None
        self.newton = (
            GaussNewton(inputs, config.fine, config.stride, config.windows) if config.fine else None
        )
        self.update = Update(config)
        self.upsampling = Upsampling(config)
        self.errors = _error_layers(config.hidden) if config.errors else None
        # This is three times faster for few channels.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(
        self, reference: torch.Tensor, secondary: torch.Tensor, iterations: int | None = None
    ) -> list[torch.Tensor]:
        """Predict the flow from the reference to the secondary.

        Parameters
        ----------
        reference, secondary : torch.Tensor, shape (B, C, H, W)
            Brightness on any scale, float32; NaN is no data.
        iterations : int, optional
            Number of refinements; by default that of the configuration.

        Returns
        -------
        list of torch.Tensor, shape (B, 2, H, W)
            Flows in pixels: in training the first flow and one per refinement, the best one last;
            in evaluation only the last one. With ``config.errors`` the last flow has two more
            channels: for each component, the logarithm of the scale of its error in pixels, for a
            Laplace distribution.
        """
        config = self.config
        shape = reference.shape[-2:]
        reference, secondary, compute_steps = self._compare_pixels(reference, secondary)
        costs = self._match(reference, secondary)
        state, context = self.context(reference).split(config.hidden, dim=1)
        state = torch.tanh(state)
        context = self.update.prepare(torch.relu(context))
        flow = costs.expected_flow() if config.first_flow else costs.no_flow()
        flows = []
        if self.training and config.first_flow:
            # Without its own loss, the first flow would train the features only through lookups.
            flows.append(self._upsample(flow, state, shape))
        refinements = iterations or config.iterations
        for refinement in range(refinements):
            # As in the original, gradients reach earlier refinements through the state only.
            flow = flow.detach()
            steps = compute_steps(flow) if compute_steps else flow[:, :0]
            state, flow = self.update(state, context, costs.lookup(flow), steps, flow)
            if self.training or refinement == refinements - 1:
                flows.append(self._upsample(flow, state, shape))
        if self.errors is not None:
            scale = self.upsampling(self.errors(state).float(), state)
            height, width = shape
            flows[-1] = torch.cat([flows[-1], scale[..., :height, :width]], dim=1)
        return flows

    def _compare_pixels(
        self, reference: torch.Tensor, secondary: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, Callable[[torch.Tensor], torch.Tensor] | None]:
        """Local contrast of both images, padded, and the function that gives Gauss-Newton steps."""
        reference = self._pad(reference)
        secondary = self._pad(secondary)
        reference_valid = reference.isfinite().all(1, keepdim=True).float()
        secondary_valid = secondary.isfinite().all(1, keepdim=True).float()
        # Contrast is a difference of large numbers, and the steps resolve a hundredth of a pixel:
        # bfloat16 suffices for neither.
        with torch.autocast(reference.device.type, enabled=False):
            reference = local_contrast(reference, self.config.contrast)
            secondary = local_contrast(secondary, self.config.contrast)
            if self.newton is None:
                return reference, secondary, None
            compute_steps = self.newton.prepare(
                reference, secondary, reference_valid, secondary_valid
            )
        return reference, secondary, compute_steps

    def _match(self, reference: torch.Tensor, secondary: torch.Tensor) -> CostVolume:
        """Costs between the cells of two images."""
        config = self.config
        first, second = self.matching(torch.cat([reference, secondary])).chunk(2)
        return CostVolume(first, second, config.reach, config.radius, config.levels, self.sharpness)

    def _upsample(self, flow: torch.Tensor, state: torch.Tensor, shape: torch.Size) -> torch.Tensor:
        """Flow in pixels, ``(B, 2, H, W)``, without the padding."""
        height, width = shape
        return self.upsampling(self.config.stride * flow.float(), state)[..., :height, :width]

    def _pad(self, image: torch.Tensor) -> torch.Tensor:
        """Pad an image with NaN at its right and lower edge to whole cells."""
        height, width = image.shape[-2:]
        side = self.config.padded_side
        return F.pad(image, (0, -width % side, 0, -height % side), value=float("nan"))


def _error_layers(hidden: int) -> nn.Sequential:
    """Layers that predict the scale of the error from the state."""
    last = nn.Conv2d(hidden, 2, 3, padding=1)
    nn.init.constant_(last.get_parameter("bias"), FIRST_ERROR)
    return nn.Sequential(nn.Conv2d(hidden, hidden, 3, padding=1), nn.ReLU(), last)


@torch.inference_mode()
def predict_flow(
    network: Raft, reference: npt.NDArray[np.floating], secondary: npt.NDArray[np.floating]
) -> npt.NDArray[np.float32]:
    """Predict the displacement between two images.

    Parameters
    ----------
    network : Raft
        Network, on any device. It is evaluated and then returned to its previous mode.
    reference, secondary : ndarray, shape (H, W) or (C, H, W)
        Brightness on any scale. NaN and values of 1e15 or more are no data.

    Returns
    -------
    ndarray, shape (2, H, W)
        Displacement from the reference to the secondary in pixels, along columns and along rows.
        It is finite everywhere, and arbitrary where an image has no data. For a network that
        predicts errors, the shape is ``(4, H, W)``, with the logarithm of the scale of each error.

    Examples
    --------
    A texture that moves three pixels to the right and two up:

    >>> import numpy as np
    >>> from gdiv.flow.raft.checkpoints import load_weights
    >>> from gdiv.images.textures import fractal_texture
    >>> texture = fractal_texture(256, slope=1.3, seed=3)
    >>> reference = texture[40:136, 40:136]
    >>> secondary = texture[42:138, 37:133]
    >>> network, card = load_weights()
    >>> flow = predict_flow(network, reference, secondary)
    >>> flow.shape
    (2, 96, 96)
    >>> [round(float(np.median(component))) for component in flow]
    [3, -2]
    """
    device = next(network.parameters()).device
    images = np.stack([reference, secondary]).astype(np.float32)
    images = np.where(np.abs(images) < MAX_BRIGHTNESS, images, np.float32(np.nan))
    batches = torch.from_numpy(images.reshape(2, 1, -1, *images.shape[-2:])).to(device)
    training = network.training
    flow = network.eval()(*batches)[-1][0].cpu().numpy()
    network.train(training)
    return flow
