"""Textures and flows of random shape: what the twin, the drawn training pairs and the bench are made of."""

import numpy as np
from scipy import ndimage


def fractal_texture(
    size: int, slope: float, seed, anisotropy: float = 1.0, angle: float = 0.0
) -> np.ndarray:
    """Periodic `(size, size)` noise with amplitude spectrum |k|^-slope, band-limited, zero mean, unit spread.

    `anisotropy` above one stretches the texture along `angle` (radians), as flow stretches ice.
    Wavelengths under about 2.5 pixels are removed, so that sampling does not alias.
    """
    rng = np.random.default_rng(seed)
    ky, kx = np.meshgrid(np.fft.fftfreq(size), np.fft.rfftfreq(size), indexing="ij")
    along = (np.cos(angle) * kx + np.sin(angle) * ky) * anisotropy
    across = (-np.sin(angle) * kx + np.cos(angle) * ky) / anisotropy
    frequency = np.hypot(along, across)
    frequency[0, 0] = np.inf
    amplitude = np.maximum(frequency, 2 / size) ** -slope * np.exp(
        -((np.hypot(kx, ky) / 0.32) ** 4)
    )
    amplitude[0, 0] = 0
    phase = rng.normal(size=amplitude.shape) + 1j * rng.normal(size=amplitude.shape)
    texture = np.fft.irfft2(amplitude * phase, s=(size, size))
    return (texture / texture.std()).astype(np.float32)


def smooth_field(shape: tuple[int, int], length: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian-smooth noise of correlation length `length` pixels, with zero mean and unit spread."""
    coarse = rng.normal(size=tuple(int(np.ceil(n / length)) + 6 for n in shape))
    y, x = np.meshgrid(*(np.arange(n) / length + 2 for n in shape), indexing="ij")
    field = ndimage.map_coordinates(ndimage.gaussian_filter(coarse, 0.8), [y, x], order=3)
    return ((field - field.mean()) / (field.std() + 1e-6)).astype(np.float32)


def random_flow(shape: tuple[int, int], reach: float, rng: np.random.Generator) -> np.ndarray:
    """A `(2, H, W)` flow of up to about `reach` pixels: smooth, or a moving tongue between still banks."""
    length = rng.uniform(0.3, 1.2) * min(shape)
    angle = rng.uniform(0, 2 * np.pi) + 0.5 * smooth_field(shape, length, rng)
    speed = rng.uniform(0, reach) * np.clip(1 + 0.3 * smooth_field(shape, length, rng), 0, 2)
    if rng.random() < 0.5:
        margin = smooth_field(shape, rng.uniform(0.3, 0.8) * min(shape), rng)
        speed *= ndimage.gaussian_filter(
            (margin > rng.normal(-0.3, 0.3)).astype(np.float32), rng.uniform(1.5, 6)
        )
    shift = rng.normal(0, 0.2, size=(2, 1, 1))  # mis-registration moves the banks too
    return (speed * np.stack([np.cos(angle), np.sin(angle)]) + shift).astype(np.float32)


def inverse_points(flow: np.ndarray, iterations: int = 8) -> np.ndarray:
    """For each pixel `p` of the secondary the `x` of the reference with `x + flow(x) = p`, `(2, H, W)` as (x, y)."""
    _, height, width = flow.shape
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height), indexing="xy")).astype(
        np.float32
    )
    points = grid - flow
    for _ in range(iterations):
        moved = [
            ndimage.map_coordinates(part, points[::-1], order=1, mode="nearest") for part in flow
        ]
        points = grid - np.stack(moved)
    return points
