"""Random motion of drawn pairs."""

from small_networks import TEXTURES

from gdiv.flow.training.renderer import PairRenderer


def test_folded_surface_is_not_learned():
    """Nearly all of the surface is learned, margins of fast ice included."""
    pairs = PairRenderer(TEXTURES, 128, 14, seed=1)
    _, flow = pairs.draw(range(24))
    assert flow.nan_to_num().norm(dim=1).max() < 14 + 1.5  # mis-registration on top
    valid = flow.isfinite().all(1)
    assert 0.97 < valid.float().mean() < 1
