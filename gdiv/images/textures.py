"""Textures and flows of random shape, for the twin, drawn training pairs and the benchmark."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from gdiv.images.arrays import Flow, Image

__all__ = ["fractal_texture", "random_flow", "smooth_field"]

# Gaussian-like cut-off in cycles per pixel; the amplitude falls as exp(-(k / CUTOFF)^4). Little
# is left above 0.4 cycles per pixel (wavelengths under 2.5 pixels), so sampling does not alias.
CUTOFF = 0.32
CUTOFF_EXPONENT = 4
MIN_CYCLES = 2  # cycles per side; longer waves have the same amplitude

NODE_SMOOTHING = 0.8  # nodes, sigma: neighbouring nodes of a smooth field correlate
NODE_MARGIN = 2  # nodes before the first pixel, for the cubic spline
EXTRA_NODES = 6  # total of the margins on both sides
MIN_SPREAD = 1e-6  # to avoid division by zero

# Random flows; ranges chosen by eye to resemble glaciers in Sentinel-2 scenes.
FLOW_LENGTH = (0.3, 1.2)  # correlation length, of the shorter side
TURN = 0.5  # radian, spread of the direction within a flow
SPEED_SPREAD = 0.3  # relative to the mean
TONGUE_PROBABILITY = 0.5
TONGUE_LENGTH = (0.3, 0.8)  # correlation length of the banks, of the shorter side
TONGUE_LEVEL = (-0.3, 0.3)  # mean and spread of the threshold between tongue and banks
MARGIN_SMOOTHING = (1.5, 6)  # pixels, sigma
SHIFT_SPREAD = 0.2  # pixels, mis-registration, which also moves the banks


def fractal_texture(
    size: int,
    slope: float,
    seed: int | Sequence[int] | np.random.Generator,
    anisotropy: float = 1.0,
    angle: float = 0.0,
) -> Image:
    """Draw periodic noise whose amplitude spectrum is a power law.

    Parameters
    ----------
    size : int
        Rows and columns.
    slope : float
        Exponent of the amplitude spectrum, ``|k|^-slope``. Larger values give smoother textures.
    seed : int, sequence of int or numpy.random.Generator
        Seed, or the generator to draw from.
    anisotropy : float, optional
        Stretch of the texture along `angle`, as flow stretches ice. Isotropic by default.
    angle : float, optional
        Direction of the stretch in radians, from columns towards rows.

    Returns
    -------
    ndarray of float32, shape (size, size)
        Texture of zero mean and unit spread, without wavelengths under about 2.5 pixels.
    """
    rng = np.random.default_rng(seed)
    ky, kx = np.meshgrid(np.fft.fftfreq(size), np.fft.rfftfreq(size), indexing="ij")
    along = (np.cos(angle) * kx + np.sin(angle) * ky) * anisotropy
    across = (-np.sin(angle) * kx + np.cos(angle) * ky) / anisotropy
    frequency = np.hypot(along, across)
    frequency[0, 0] = np.inf  # the mean, set to zero below
    power_law = np.maximum(frequency, MIN_CYCLES / size) ** -slope
    low_pass = np.exp(-((np.hypot(kx, ky) / CUTOFF) ** CUTOFF_EXPONENT))
    amplitude = power_law * low_pass
    amplitude[0, 0] = 0
    real = rng.normal(size=amplitude.shape)
    imaginary = rng.normal(size=amplitude.shape)
    phase = real + 1j * imaginary
    texture = np.fft.irfft2(amplitude * phase, s=(size, size))
    return (texture / texture.std()).astype(np.float32)


def smooth_field(shape: tuple[int, int], length: float, rng: np.random.Generator) -> Image:
    """Draw Gaussian-smooth noise.

    Parameters
    ----------
    shape : tuple of int
        ``(H, W)``.
    length : float
        Correlation length in pixels.
    rng : numpy.random.Generator
        Source of the noise.

    Returns
    -------
    ndarray of float32, shape (H, W)
        Field of zero mean and unit spread.
    """
    height, width = shape
    nodes = [int(np.ceil(side / length)) + EXTRA_NODES for side in shape]
    noise = ndimage.gaussian_filter(rng.normal(size=nodes), NODE_SMOOTHING)
    rows = np.arange(height) / length + NODE_MARGIN
    columns = np.arange(width) / length + NODE_MARGIN
    y, x = np.meshgrid(rows, columns, indexing="ij")
    field = ndimage.map_coordinates(noise, [y, x], order=3)
    return ((field - field.mean()) / (field.std() + MIN_SPREAD)).astype(np.float32)


def random_flow(shape: tuple[int, int], reach: float, rng: np.random.Generator) -> Flow:
    """Draw a flow: smooth motion everywhere, or a moving tongue between stable banks.

    Parameters
    ----------
    shape : tuple of int
        ``(H, W)``.
    reach : float
        Approximate largest displacement in pixels.
    rng : numpy.random.Generator
        Source of the flow.

    Returns
    -------
    ndarray of float32, shape (2, H, W)
        Displacement in pixels.
    """
    length = rng.uniform(*FLOW_LENGTH) * min(shape)
    direction = rng.uniform(0, 2 * np.pi)
    angle = direction + TURN * smooth_field(shape, length, rng)
    mean_speed = rng.uniform(0, reach)
    speed = mean_speed * np.clip(1 + SPEED_SPREAD * smooth_field(shape, length, rng), 0, 2)
    if rng.random() < TONGUE_PROBABILITY:
        banks = smooth_field(shape, rng.uniform(*TONGUE_LENGTH) * min(shape), rng)
        tongue = banks > rng.normal(*TONGUE_LEVEL)
        sigma = rng.uniform(*MARGIN_SMOOTHING)
        speed *= ndimage.gaussian_filter(tongue.astype(np.float32), sigma)
    shift = rng.normal(0, SHIFT_SPREAD, size=(2, 1, 1))
    return (speed * np.stack([np.cos(angle), np.sin(angle)]) + shift).astype(np.float32)
