"""Band-limited textures moved by smooth flows, with one difference between the dates per case.

These are the easy cases, without margins or narrow ice. They isolate the effect of noise, light,
shadow and decorrelation on a matcher.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from gdiv.benchmark.cases import Case, Pair, Split
from gdiv.images.arrays import Flow, Image, Mask, Points
from gdiv.images.sampling import invert_flow, pixel_grid
from gdiv.images.textures import smooth_field

__all__ = [
    "NOISE",
    "SYNTHETIC",
    "degrade",
    "inner_mask",
    "make_smooth",
    "smooth_cases",
    "synthetic",
]

#: Synthetic cases, named after the difference between the two dates.
SYNTHETIC = ("clean", "noise", "illumination", "shadow", "decorrelation")
#: Width of the margin that is not scored: surface that moves into the frame has no counterpart.
RIM = 16

# Differences between the dates, relative to the spread of the image; chosen by eye.
#: Noise of every case, and of the case "noise".
NOISE = 0.015
STRONG_NOISE = 0.1
#: Fraction of the variance that is replaced by another texture.
DECORRELATION = 0.15
#: Illumination: correlation length in pixels, range of its mean, relative and absolute spread.
SHADE_LENGTH = 60
MEAN_BRIGHTNESS = (0.6, 1.4)
SHADE_GAIN = 0.25
SHADE_OFFSET = 0.7
#: Cast shadows: correlation length in pixels, threshold of a smooth field above which they lie
#: (about a fifth of the image), and fraction of the light that they block.
SHADOW_LENGTH = 50
SHADOW_LEVEL = 0.85
SHADOW_DEPTH = 0.75

# Synthetic textures and flows; chosen by eye.
#: Samples of the texture per pixel, along each axis.
FINER = 2
#: Pixels of texture around the frame.
TEXTURE_MARGIN = 32
#: Range of the exponent of the amplitude spectrum.
SLOPES = (0.8, 2)
#: Cut-off in cycles per pixel, and its exponent, as in `gdiv.images.textures`.
CUTOFF = 0.32
CUTOFF_EXPONENT = 4
#: Cycles per side; longer waves have the amplitude of this one.
MIN_CYCLES = 2
#: Ranges of the correlation length of a flow (relative to the side) and of its longest vector
#: (relative to `reach`).
FLOW_LENGTH = (0.35, 0.9)
FLOW_REACH = (0.3, 1)

#: Side of the images in pixels, pairs of each condition, and first seed of each split.
SIDE = 256
PAIRS: dict[Split, int] = {"dev": 4, "test": 8}
FIRST_SEEDS: dict[Split, int] = {"dev": 1000, "test": 0}


def smooth_cases(split: Split) -> list[Case]:
    """List the cases of smooth flows: `PAIRS` pairs of each of `SYNTHETIC`.

    Parameters
    ----------
    split : {"dev", "test"}
        Split.

    Returns
    -------
    list of Case
        The cases.
    """
    return [
        Case(
            f"{split}-smooth-{name}-{number}",
            "smooth",
            split,
            name,
            seed=FIRST_SEEDS[split] + number * len(SYNTHETIC) + index,
        )
        for index, name in enumerate(SYNTHETIC)
        for number in range(PAIRS[split])
    ]


def make_smooth(case: Case) -> Pair:
    """Make the pair of a case of kind "smooth".

    Parameters
    ----------
    case : Case
        The case.

    Returns
    -------
    Pair
        Images and truth.
    """
    return synthetic(case.family, SIDE, case.seed)


def inner_mask(shape: tuple[int, int]) -> Mask:
    """Mark the pixels of an image inside its scored frame.

    Parameters
    ----------
    shape : tuple of int
        ``(H, W)``.

    Returns
    -------
    ndarray of bool, shape (H, W)
        True inside the frame.
    """
    mask: Mask = np.zeros(shape, bool)
    mask[RIM:-RIM, RIM:-RIM] = True
    return mask


def degrade(
    reference: Image,
    secondary: Image,
    case: str,
    rng: np.random.Generator,
    draw_texture: Callable[[], Image],
) -> tuple[Image, Image]:
    """Add the differences between two dates to a pair.

    Parameters
    ----------
    reference, secondary : ndarray, shape (H, W)
        Images of unit spread.
    case : str
        A synthetic case, or "all" for illumination and decorrelation together.
    rng : numpy.random.Generator
        Source of the differences.
    draw_texture : callable
        Returns a texture ``(H, W)`` that is not in the reference.

    Returns
    -------
    reference, secondary : ndarray of float32, shape (H, W)
        The degraded images. Only shadows and noise change the reference.
    """
    if case in ("illumination", "all"):
        gain = smooth_field(secondary.shape, SHADE_LENGTH, rng)
        offset = smooth_field(secondary.shape, SHADE_LENGTH, rng)
        brightness = rng.uniform(*MEAN_BRIGHTNESS) * np.exp(SHADE_GAIN * gain)
        secondary = brightness * secondary + SHADE_OFFSET * offset
    if case == "shadow":
        # Shadows multiply the light, so the darkest value must be zero.
        reference = reference - reference.min()
        secondary = secondary - secondary.min()
        reference = reference * (1 - SHADOW_DEPTH * _cast_shadow(reference.shape, rng))
        secondary = secondary * (1 - SHADOW_DEPTH * _cast_shadow(secondary.shape, rng))
    if case in ("decorrelation", "all"):
        kept = np.sqrt(1 - DECORRELATION) * secondary
        secondary = kept + np.sqrt(DECORRELATION) * draw_texture()
    level = STRONG_NOISE if case == "noise" else NOISE
    return _add_noise(reference, level, rng), _add_noise(secondary, level, rng)


def _add_noise(image: Image, level: float, rng: np.random.Generator) -> Image:
    """Image with white noise of a given spread, float32."""
    return (image + level * rng.normal(size=image.shape)).astype(np.float32)


def _cast_shadow(shape: tuple[int, ...], rng: np.random.Generator) -> Image:
    """Shadow of a ridge: 1 in the shadow, 0 outside."""
    height, width = shape
    return (smooth_field((height, width), SHADOW_LENGTH, rng) > SHADOW_LEVEL).astype(np.float32)


def synthetic(case: str, size: int, seed: int, reach: float = 10.0) -> Pair:
    """Make a pair of a band-limited texture and a smooth flow.

    The texture is sampled twice as finely as the pixels. The secondary samples it at the positions
    where the flow originates, so that nothing is interpolated from the reference.

    Parameters
    ----------
    case : str
        One of `SYNTHETIC`.
    size : int
        Side of the images, pixels.
    seed : int
        Seed of the pair. Texture and flow are the same in every case.
    reach : float, optional
        Longest possible displacement, pixels.

    Returns
    -------
    Pair
        Images and truth.
    """
    rng = np.random.default_rng([size, seed])
    shape = (size, size)
    flow = _draw_flow(shape, reach, rng)
    grid = pixel_grid(shape)
    texture = _draw_texture(size, rng)
    reference = _sample_texture(texture, grid)
    secondary = _sample_texture(texture, invert_flow(flow))
    reference, secondary = degrade(
        reference, secondary, case, rng, lambda: _sample_texture(_draw_texture(size, rng), grid)
    )
    everywhere: Mask = np.ones(shape, bool)
    return Pair(reference, secondary, flow, everywhere, inner_mask(shape))


def _draw_flow(shape: tuple[int, int], reach: float, rng: np.random.Generator) -> Flow:
    """Smooth flow whose longest vector is shorter than `reach` pixels."""
    length = rng.uniform(*FLOW_LENGTH) * shape[0]
    variable = np.stack([smooth_field(shape, length, rng) for _ in range(2)])
    flow = variable + rng.normal(0, 1, (2, 1, 1))
    longest = np.hypot(*flow).max()
    return (flow * rng.uniform(*FLOW_REACH) * reach / longest).astype(np.float32)


def _draw_texture(size: int, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Spline coefficients of a periodic texture of unit spread, `FINER` samples per pixel."""
    side = (size + 2 * TEXTURE_MARGIN) * FINER
    ky, kx = np.meshgrid(np.fft.fftfreq(side) * FINER, np.fft.rfftfreq(side) * FINER, indexing="ij")
    frequency = np.hypot(ky, kx)  # cycles per pixel
    power_law = np.maximum(frequency, MIN_CYCLES / size) ** -rng.uniform(*SLOPES)
    amplitude = power_law * np.exp(-((frequency / CUTOFF) ** CUTOFF_EXPONENT))
    amplitude[0, 0] = 0
    phase = rng.normal(size=(*amplitude.shape, 2)) @ [1, 1j]
    lattice = np.fft.irfft2(amplitude * phase, s=(side, side))
    return ndimage.spline_filter(lattice / lattice.std(), mode="grid-wrap").astype(np.float32)


def _sample_texture(texture: npt.NDArray[np.float32], points: Points) -> Image:
    """Brightness of a texture at positions in the frame."""
    coordinates = (points[::-1] + TEXTURE_MARGIN) * FINER
    return ndimage.map_coordinates(texture, coordinates, order=3, mode="grid-wrap", prefilter=False)
