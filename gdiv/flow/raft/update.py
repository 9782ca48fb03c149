"""The recurrent update of a flow, and its upsampling from cells to pixels.

Shapes: B batch, H x W pixels, h x w cells. Flows are (column, row).
"""

import torch
import torch.nn.functional as F
from torch import nn

from gdiv.flow.raft.config import RaftConfig

__all__ = ["Update", "Upsampling"]

#: Channels of the motion features that hold the flow itself.
FLOW_CHANNELS = 2
#: Factor of the upsampling's weights before the softmax, which balances their gradients (Teed and
#: Deng 2020).
MASK_SCALE = 0.25
#: Minimum bilinear weight before the logarithm, so that no combination is excluded.
MIN_BILINEAR = 0.01


class Update(nn.Module):
    """A convolutional GRU that updates a flow from costs and Gauss-Newton steps.

    Parameters
    ----------
    config : RaftConfig
        Sizes of the network.
    """

    def __init__(self, config: RaftConfig):
        super().__init__()
        hidden = config.hidden
        self.offers = config.steps  # Gauss-Newton steps to choose from
        narrow, wide = config.cost_layers
        self.costs = nn.Sequential(
            nn.Conv2d(config.costs, narrow, 1),
            nn.ReLU(),
            nn.Conv2d(narrow, wide, 3, padding=1),
            nn.ReLU(),
        )
        self.flow = _flow_layers(config)
        self.motion = nn.Sequential(
            nn.Conv2d(wide + config.flow_layers[-1], hidden - FLOW_CHANNELS, 3, padding=1),
            nn.ReLU(),
        )
        if config.separable:
            shapes = [((1, 5), (0, 2)), ((5, 1), (2, 0))]
        else:
            shapes = [((3, 3), (1, 1))]
        # The context is the same in every refinement, so its part of each gate is computed once.
        self.given = nn.ModuleList(nn.Conv2d(hidden, 3 * hidden, k, padding=p) for k, p in shapes)
        self.gates = nn.ModuleList(
            nn.Conv2d(2 * hidden, 2 * hidden, k, padding=p, bias=False) for k, p in shapes
        )
        self.candidate = nn.ModuleList(
            nn.Conv2d(2 * hidden, hidden, k, padding=p, bias=False) for k, p in shapes
        )
        trust = self.offers + 1 if self.offers else 0
        first = nn.Conv2d(hidden, 2 * hidden, 3, padding=1)
        last = nn.Conv2d(2 * hidden, FLOW_CHANNELS + trust, 3, padding=1)
        self.head = nn.Sequential(first, nn.ReLU(), last)
        # The untrained network relies only on the costs and the steps.
        for parameter in last.parameters():
            nn.init.zeros_(parameter)

    def prepare(self, context: torch.Tensor) -> list[torch.Tensor]:
        """Compute the context's part of the gates.

        Parameters
        ----------
        context : torch.Tensor, shape (B, hidden, h, w)
            Features of the context.

        Returns
        -------
        list of torch.Tensor
            One ``(B, 3 hidden, h, w)`` for each kernel.
        """
        return [given(context) for given in self.given]

    def forward(
        self,
        state: torch.Tensor,
        context: list[torch.Tensor],
        costs: torch.Tensor,
        steps: torch.Tensor,
        flow: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Refine a flow once.

        Parameters
        ----------
        state : torch.Tensor, shape (B, hidden, h, w)
            Recurrent state.
        context : list of torch.Tensor
            The context's part of the gates, from `prepare`.
        costs : torch.Tensor, shape (B, planes (2 radius + 1)^2, h, w)
            Costs around the flow.
        steps : torch.Tensor, shape (B, 4 windows, h, w)
            Gauss-Newton steps and their certainty; no channel where the network has none.
        flow : torch.Tensor, shape (B, 2, h, w)
            Displacement in cells.

        Returns
        -------
        state : torch.Tensor, shape (B, hidden, h, w)
        flow : torch.Tensor, shape (B, 2, h, w)
        """
        # bfloat16 resolves a flow of a few cells only to a few hundredths of a cell.
        with torch.autocast(flow.device.type, enabled=False):
            flow_features = self.flow(torch.cat([flow, steps], dim=1))
        motion = self.motion(torch.cat([self.costs(costs), flow_features], dim=1))
        state = self._recur(state, context, torch.cat([motion, flow], dim=1))
        output = self.head(state).float()
        flow = flow + output[:, :FLOW_CHANNELS]
        if self.offers:
            # Weights of the windows' steps; the last one is the weight of no step.
            trust = output[:, FLOW_CHANNELS:].softmax(dim=1)
            offers = steps[:, : 2 * self.offers].unflatten(1, (self.offers, 2))
            flow = flow + (trust[:, :-1, None] * offers).sum(1)
        return state, flow

    def _recur(
        self, state: torch.Tensor, context: list[torch.Tensor], inputs: torch.Tensor
    ) -> torch.Tensor:
        """Next state of the GRU, ``(B, hidden, h, w)``."""
        hidden = state.shape[1]
        for given, gates, candidate in zip(context, self.gates, self.candidate, strict=True):
            gates_given, candidate_given = given.split([2 * hidden, hidden], dim=1)
            opened = torch.sigmoid(gates_given + gates(torch.cat([state, inputs], dim=1)))
            update, reset = opened.chunk(2, dim=1)
            proposal = torch.tanh(
                candidate_given + candidate(torch.cat([reset * state, inputs], dim=1))
            )
            state = (1 - update) * state + update * proposal
        return state


def _flow_layers(config: RaftConfig) -> nn.Sequential:
    """Layers that process the flow and the Gauss-Newton steps."""
    # One layer has a kernel of 5 x 5 cells; two have 7 x 7 and then 3 x 3, as in the original.
    first, *others = config.flow_layers
    side = 7 if others else 5
    inputs = FLOW_CHANNELS + 4 * config.steps
    layers: list[nn.Module] = [nn.Conv2d(inputs, first, side, padding=side // 2), nn.ReLU()]
    for width in others:
        layers += [nn.Conv2d(first, width, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers)


class Upsampling(nn.Module):
    """Value of each pixel as a learned convex combination of its 3 x 3 nearest cells.

    The combination is bilinear before training.

    Parameters
    ----------
    config : RaftConfig
        Sizes of the network.
    """

    def __init__(self, config: RaftConfig):
        super().__init__()
        self.stride = config.stride
        first = nn.Conv2d(config.hidden, 2 * config.hidden, 3, padding=1)
        last = nn.Conv2d(2 * config.hidden, 9 * config.stride**2, 1)
        self.weights = nn.Sequential(first, nn.ReLU(), last)
        # Position of each pixel of a cell relative to the cell's centre, in cells.
        position = (torch.arange(config.stride) + 0.5) / config.stride - 0.5
        distance = (position[None] - torch.tensor([-1.0, 0.0, 1.0])[:, None]).abs()  # (3, stride)
        linear = (1 - distance).clamp(min=MIN_BILINEAR)
        bilinear = torch.einsum("ir,jc->ijrc", linear, linear)
        with torch.no_grad():
            last.get_parameter("bias").copy_(bilinear.log().flatten() / MASK_SCALE)

    def forward(self, coarse: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        """Interpolate values from cells to pixels.

        Parameters
        ----------
        coarse : torch.Tensor, shape (B, C, h, w)
            Values of the cells.
        state : torch.Tensor, shape (B, hidden, h, w)
            Recurrent state.

        Returns
        -------
        torch.Tensor, shape (B, C, H, W)
            Values of the pixels.
        """
        batch, _, rows, columns = coarse.shape
        logits = (MASK_SCALE * self.weights(state)).float()
        weights = logits.view(batch, 9, self.stride**2, rows, columns).softmax(dim=1)
        padded = F.pad(coarse, (1, 1, 1, 1), mode="replicate")
        neighbours = [
            padded[:, :, None, j : j + rows, i : i + columns] for j in range(3) for i in range(3)
        ]
        fine = torch.zeros((), device=coarse.device)
        for weight, cell in zip(weights.unbind(1), neighbours, strict=True):
            fine = fine + weight[:, None] * cell  # (B, C, stride^2, h, w)
        return F.pixel_shuffle(fine.flatten(1, 2), self.stride)
