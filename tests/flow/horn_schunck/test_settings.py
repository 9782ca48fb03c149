"""Settings of the solver."""

import pytest

from gdiv.flow.horn_schunck.settings import PAPER, Settings


def test_small_images_have_fewer_levels():
    settings = Settings(levels=5)
    assert settings.count_levels((1000, 1000)) == 5
    assert settings.count_levels((1000, 64)) == 3
    assert settings.count_levels((8, 8)) == 1


def test_a_radius_of_zero_gives_plain_jacobi_steps():
    assert (PAPER.relaxation_factors() == 1).all()
    factors = Settings(iterations=20).relaxation_factors()
    assert factors[0] == 1
    assert (factors[1:] > 1).all()
    assert (factors < 2).all()


@pytest.mark.parametrize("taps", [5, 7])
def test_stencils_differentiate_a_ramp_exactly(taps):
    stencil = Settings(taps=taps).stencil
    slope = sum(2 * step * weight for step, weight in enumerate(stencil, start=1))
    assert slope == pytest.approx(1)
