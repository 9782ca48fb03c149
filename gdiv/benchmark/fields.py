"""Displacement fields like those of glaciers, drawn from families.

A field is one or more tongues of ice along centrelines that cross the frame, surrounded by
stable ground. The profile of speed across a tongue is ``slip + (1 - slip) (1 - |across|^n)``: a
parabola for ``n = 2`` without slip, and nearly a plug for large `n` (Cuffey and Paterson 2010, The
Physics of Glaciers, section 8.5). Speed falls to zero over the last `EDGE` pixels inside a margin.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.interpolate import make_interp_spline
from scipy.spatial import cKDTree

from gdiv.images.arrays import Flow, Image, Mask, Series
from gdiv.images.sampling import pixel_grid

__all__ = ["FAMILIES", "Field", "draw_field", "unfold"]

#: Pixels over which speed falls to zero inside a margin, as in finely resampled published fields.
EDGE = 2.5
#: Minimum determinant of the map from reference to secondary; below it, the field would fold.
MIN_DETERMINANT = 0.25
#: Smoothing of a field where it would fold: sigma in pixels, and maximum number of iterations.
UNFOLDING_SIGMA = 3.0
UNFOLDING_ROUNDS = 40

#: Minimum speed of ice, relative to the maximum speed.
MOVING = 0.002

# Shapes, in sides of the frame unless stated; chosen to span valley glaciers on maps of Millan et
# al. (2022, doi:10.1038/s41561-021-00885-z).
CENTRELINE_STEP = 0.5  # pixels
OVERHANG = 0.4  # distance from the frame to both ends of a centreline, outside it
LATERAL_SPREAD = 0.06  # spread of the points of a centreline
STRONG_LATERAL_SPREAD = 0.16  # the same for the family "bend"
POINTS = 6  # of a centreline
WIDTH_WAVE = 0.15  # relative spread of the half-width along a centreline
SPEED_WAVE = 0.25  # relative spread of the speed along a centreline
FALL_LENGTH = (0.08, 0.2)  # sigma of an icefall
FALL_GAIN = (1.0, 3.0)  # speed added by an icefall, relative to the speed elsewhere
EXPONENTS = (2.0, 12.0)  # of the profile, from a parabola to a plug
SLIPS = (0.0, 0.3)  # of most families
SLIDING_SLIPS = (0.6, 1.0)  # of the family "sliding"
SLOW = (0.02, 0.25)  # speed of slow ice relative to the fast ice beside it
STAGNANT_WIDTH = 0.6  # width of stagnant ice at a margin, half-widths


class Field(NamedTuple):
    """A displacement and the ice that it moves.

    Attributes
    ----------
    flow : ndarray of float32, shape (2, H, W)
        Displacement in pixels, right and down; nearly 0 outside the ice.
    ice : ndarray of bool, shape (H, W)
        Ice, slow and stagnant ice included.
    """

    flow: Flow
    ice: Mask


class _Tongue(NamedTuple):
    """Speed and direction of one tongue."""

    speed: Image  # 1 where it is fastest
    column: Image  # unit vector of motion
    row: Image
    ice: Mask


def draw_field(
    family: str, side: int, half_width: float, reach: float, rng: np.random.Generator
) -> Field:
    """Draw a field of one family.

    Parameters
    ----------
    family : str
        One of `FAMILIES`.
    side : int
        Side of the frame in pixels.
    half_width : float
        Half-width of the widest tongue in pixels.
    reach : float
        Longest displacement in pixels, before ice that would fold is smoothed.
    rng : numpy.random.Generator
        Source of the shape.

    Returns
    -------
    Field
        Displacement and ice.

    Raises
    ------
    ValueError
        If there is no such family.

    Examples
    --------
    >>> field = draw_field("tongue", 96, 12, 3.0, np.random.default_rng(0))
    >>> field.flow.shape, round(float(np.hypot(*field.flow).max()), 1)
    ((2, 96, 96), 3.0)
    """
    if family not in FAMILIES:
        raise ValueError(f"unknown field family {family!r}; choose from: {', '.join(FAMILIES)}")
    field = FAMILIES[family](side, half_width, rng)
    fastest = np.hypot(*field.flow).max()
    flow = unfold(field.flow * (reach / fastest))
    # Smoothing of folds spreads motion across the margin.
    return Field(flow, field.ice | (np.hypot(*flow) > MOVING * reach))


def unfold(flow: Flow) -> Flow:
    """Smooth a displacement where the map that it defines would fold.

    Parameters
    ----------
    flow : ndarray, shape (2, H, W)
        Displacement in pixels.

    Returns
    -------
    ndarray of float32, shape (2, H, W)
        Displacement whose determinant ``det(1 + grad flow)`` exceeds `MIN_DETERMINANT`, unless the
        maximum number of iterations was reached first.
    """
    for _ in range(UNFOLDING_ROUNDS):
        folded = _determinant(flow) < MIN_DETERMINANT
        if not folded.any():
            break
        weight = ndimage.gaussian_filter(
            ndimage.binary_dilation(folded, iterations=4).astype(float), 2.0
        )
        smooth = np.stack([ndimage.gaussian_filter(part, UNFOLDING_SIGMA) for part in flow])
        flow = (1 - weight) * flow + weight * smooth
    return flow.astype(np.float32)


def _determinant(flow: Flow) -> Image:
    """Area that a pixel of the reference has in the secondary."""
    (u_row, u_column), (v_row, v_column) = (np.gradient(part) for part in flow)
    return (1 + u_column) * (1 + v_row) - u_row * v_column


def _draw_centreline(side: int, sideways: float, rng: np.random.Generator) -> Series:
    """Points ``(N, 2)`` of a curve that crosses the frame in a random direction."""
    along = np.linspace(-OVERHANG, 1 + OVERHANG, POINTS) - 0.5
    across = rng.normal(0, sideways, POINTS)
    angle = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    nodes = side * (0.5 + np.stack([along, across], 1) @ turn.T)
    count = int(side * (1 + 2 * OVERHANG) / CENTRELINE_STEP)
    return make_interp_spline(np.arange(POINTS), nodes)(np.linspace(0, POINTS - 1, count))


def _wave(count: int, spread: float, rng: np.random.Generator) -> Series:
    """Smooth random factor along a centreline, about 1 or less."""
    nodes = rng.uniform(1 - 2 * spread, 1, POINTS)
    return make_interp_spline(np.arange(POINTS), nodes)(np.linspace(0, POINTS - 1, count))


def _draw_tongue(
    line: npt.NDArray[np.floating],
    side: int,
    half_width: float,
    slips: tuple[float, float],
    rng: np.random.Generator,
    fall: bool = False,
) -> _Tongue:
    """One tongue along a centreline."""
    columns, rows = pixel_grid((side, side), np.float64)
    tree = cKDTree(line)
    distance, nearest = tree.query(np.stack([columns.ravel(), rows.ravel()], 1))
    width = half_width * np.clip(_wave(len(line), WIDTH_WAVE, rng), 0.5, 1)[nearest]
    along_speed = np.clip(_wave(len(line), SPEED_WAVE, rng), 0.3, 1)
    if fall:
        position = rng.uniform(0.3, 0.7) * len(line)
        length = rng.uniform(*FALL_LENGTH) * side / CENTRELINE_STEP
        step = (np.arange(len(line)) - position) / length
        along_speed = along_speed * (1 + rng.uniform(*FALL_GAIN) * np.exp(-(step**2) / 2))
    across = distance / width
    slip = rng.uniform(*slips)
    exponent = np.exp(rng.uniform(*np.log(EXPONENTS)))
    profile = slip + (1 - slip) * (1 - np.minimum(across, 1) ** exponent)
    edge = np.clip((width - distance) / EDGE, 0, 1)
    speed = along_speed[nearest] * profile * edge
    tangent = np.gradient(line, axis=0)
    tangent /= np.hypot(*tangent.T)[:, None]
    # In a bend, the direction of the nearest point jumps. Smooth it over one half-width.
    column, row = (
        ndimage.gaussian_filter(part[nearest].reshape(side, side), max(half_width / 3, 1))
        for part in tangent.T
    )
    return _Tongue(
        (speed / along_speed.max()).reshape(side, side),
        column,
        row,
        (distance < width).reshape(side, side),
    )


def _join(tongues: list[_Tongue]) -> Field:
    """Field of tongues that blend where they meet, weighted by their speeds."""
    total = np.sum([tongue.speed for tongue in tongues], axis=0)
    fastest = np.max([tongue.speed for tongue in tongues], axis=0)
    weight = fastest / np.maximum(total, 1e-6)
    column = weight * np.sum([tongue.speed * tongue.column for tongue in tongues], axis=0)
    row = weight * np.sum([tongue.speed * tongue.row for tongue in tongues], axis=0)
    ice = np.any([tongue.ice for tongue in tongues], axis=0)
    return Field(np.stack([column, row]), ice)


def _tongue(side: int, half_width: float, rng: np.random.Generator) -> Field:
    """One tongue, nearly straight."""
    line = _draw_centreline(side, LATERAL_SPREAD, rng)
    return _join([_draw_tongue(line, side, half_width, SLIPS, rng)])


def _sliding(side: int, half_width: float, rng: np.random.Generator) -> Field:
    """A tongue that slides along its margins."""
    line = _draw_centreline(side, LATERAL_SPREAD, rng)
    return _join([_draw_tongue(line, side, half_width, SLIDING_SLIPS, rng)])


def _bend(side: int, half_width: float, rng: np.random.Generator) -> Field:
    """A tongue that bends."""
    line = _draw_centreline(side, STRONG_LATERAL_SPREAD, rng)
    return _join([_draw_tongue(line, side, half_width, SLIPS, rng)])


def _ice_fall(side: int, half_width: float, rng: np.random.Generator) -> Field:
    """A tongue with an icefall, where it is several times as fast."""
    line = _draw_centreline(side, LATERAL_SPREAD, rng)
    return _join([_draw_tongue(line, side, half_width, SLIPS, rng, fall=True)])


def _confluence(side: int, half_width: float, rng: np.random.Generator) -> Field:
    """A tongue and a narrower tributary that joins it."""
    trunk = _draw_centreline(side, LATERAL_SPREAD, rng)
    # The tributary comes from the side and ends on the trunk, in its direction.
    junction = int(len(trunk) * rng.uniform(0.45, 0.65))
    direction = trunk[junction] - trunk[junction - 1]
    direction /= np.hypot(*direction)
    normal = rng.choice([-1, 1]) * np.array([-direction[1], direction[0]])
    start = trunk[junction] + side * (0.7 * normal - 0.5 * direction)
    control = trunk[junction] - 0.35 * side * direction
    step = np.linspace(0, 1, len(trunk))[:, None]
    end = trunk[junction]
    curve = (1 - step) ** 2 * start + 2 * step * (1 - step) * control + step**2 * end
    main = _draw_tongue(trunk, side, half_width, SLIPS, rng)
    branch = _draw_tongue(curve, side, max(half_width * rng.uniform(0.4, 0.8), 3), SLIPS, rng)
    slower = branch._replace(speed=branch.speed * rng.uniform(0.4, 0.9))
    return _join([main, slower])


def _stagnant(side: int, half_width: float, rng: np.random.Generator) -> Field:
    """A fast tongue between slow and stagnant ice."""
    line = _draw_centreline(side, LATERAL_SPREAD, rng)
    fast = _draw_tongue(line, side, half_width, SLIDING_SLIPS, rng)
    wide = half_width * (1 + STAGNANT_WIDTH) + EDGE
    slow = _draw_tongue(line, side, wide, SLIPS, rng)
    slow = slow._replace(speed=slow.speed * rng.uniform(*SLOW))
    field = _join([fast, slow])
    return field._replace(ice=fast.ice | slow.ice)


#: Families of fields by name.
FAMILIES: dict[str, Callable[[int, float, np.random.Generator], Field]] = {
    "tongue": _tongue,
    "sliding": _sliding,
    "bend": _bend,
    "ice-fall": _ice_fall,
    "confluence": _confluence,
    "stagnant": _stagnant,
}
