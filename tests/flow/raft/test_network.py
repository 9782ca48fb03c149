"""The network: sizes, bands, missing data, precision."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_networks import TINY, make_network, make_renderer

from gdiv.flow.raft import checkpoints, network as raft
from gdiv.flow.training import tiles
from gdiv.flow.training.losses import sequence_loss
from gdiv.flow.training.samples import Samples
from gdiv.flow.training.scores import score_network


@pytest.mark.parametrize("shape", [(64, 64), (70, 93), (33, 128)])
@pytest.mark.parametrize("preset", raft.PRESETS)
def test_the_flow_has_the_size_of_the_images(preset, shape):
    torch.manual_seed(0)
    network = raft.Raft(raft.PRESETS[preset]).eval()
    images = torch.randn(2, 1, 1, *shape)
    with torch.inference_mode():
        (flow,) = network(*images, iterations=1)
    channels = 4 if network.config.errors else 2
    assert flow.shape == (1, channels, *shape) and flow.isfinite().all()


def test_the_paper_preset_has_the_size_of_the_paper():
    network = raft.Raft(raft.PRESETS["paper"])
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(5.3e6, rel=0.02)


def test_padding_affects_nearby_pixels_only():
    """Widths that are not a multiple of a cell are padded with no data."""
    network, _ = checkpoints.load_weights()
    for pair, _ in make_renderer(120).samples(6):
        whole = raft.predict_flow(network, *pair)
        cut = raft.predict_flow(network, *pair[:, :117, :115])
        assert cut.shape == (2, 117, 115)
        assert np.abs(whole[:, :60, :60] - cut[:, :60, :60]).max() < 0.05


def test_images_with_several_bands_are_learned_and_predicted():
    """Samples contain the bands of the reference, then those of the secondary."""
    ((pair, flow),) = make_renderer().samples(1)
    images = np.stack([np.stack([image, 2 * image + 1, -image]) for image in pair])
    whole = np.ones((64, 64), bool)
    samples = Samples(images, [(0, 1)], flow[None], [tiles.Tile(0, 0, 0, 0, "train")], 64)
    assert samples[0][0].shape == (6, 64, 64) and np.array_equal(samples[0][0][3:], images[1])
    network = raft.Raft(replace(TINY, channels=3))
    assert np.isfinite(score_network(network, [samples[0]]))
    assert raft.predict_flow(network, *images)[:, whole].shape == (2, 64 * 64)


def test_contrast_and_steps_do_not_depend_on_autocast():
    """A bright ramp has differences of large numbers, which bfloat16 cannot resolve."""
    ((pair, _),) = make_renderer().samples(1)
    pair = torch.from_numpy(pair + np.linspace(0, 50, 64, dtype=np.float32))[None]
    network = make_network().eval()
    recorded = []
    network.newton.features.register_forward_hook(
        lambda module, inputs, output: recorded.append((inputs[0], output))
    )
    for enabled in (False, True):
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            network(*pair.chunk(2, dim=1))
    for plain, cast in zip(*recorded, strict=True):
        assert torch.equal(plain, cast)


def test_fill_values_count_as_no_data():
    ((pair, _),) = make_renderer().samples(1)
    filled = pair.copy()
    filled[:, :10] = 1e20
    void = pair.copy()
    void[:, :10] = np.nan
    assert np.array_equal(
        raft.predict_flow(make_network(), *filled), raft.predict_flow(make_network(), *void)
    )


def test_the_flow_does_not_depend_on_the_scale_of_brightness():
    ((pair, _),) = make_renderer().samples(1)
    network = make_network().eval()
    assert (
        np.abs(
            raft.predict_flow(network, *pair)
            - raft.predict_flow(network, 500 * pair[0] + 3000, 0.1 * pair[1])
        ).max()
        < 1e-2
    )


def test_missing_data_does_not_affect_other_pixels():
    """Voids leave the flow around them unchanged, and the flow has no NaN."""
    pair = make_renderer(96, difficulty=0).samples(1)[0][0]
    degraded = pair.copy()
    degraded[1, 40:60, 40:60] = np.nan
    network = checkpoints.load_weights()[0]
    result = raft.predict_flow(network, *degraded)
    beside = np.ones((96, 96), bool)
    beside[28:72, 28:72] = False
    assert np.isfinite(result).all()
    assert np.abs(result - raft.predict_flow(network, *pair))[:, beside].mean() < 0.05


def test_gradients_reach_all_parameters():
    for config in (
        TINY,
        replace(raft.PRESETS["paper"], features=16, narrow=8, hidden=16, iterations=2),
    ):
        torch.manual_seed(0)
        network = raft.Raft(config).train()
        pair, flow = make_renderer(difficulty=1).draw(range(2))
        # The flow head starts at zero, which stops the gradients of all layers before it.
        for parameter in network.update.head[-1].parameters():
            torch.nn.init.normal_(parameter, std=0.1)
        sequence_loss(
            network(*pair.chunk(2, dim=1)), flow, torch.ones(2, 64, 64, dtype=bool)
        ).backward()
        idle = [
            name
            for name, p in network.named_parameters()
            if p.grad is None or not p.grad.abs().sum()
        ]
        # A bias before an instance norm has no effect, by construction.
        assert not [name for name in idle if not (config.norm and name.endswith("bias"))]
