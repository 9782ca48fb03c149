"""Image pairs whose displacement is known exactly, for training and for tests.

A texture is a periodic lattice read through a cubic spline; the spline *is* the image, so reading it at
displaced points adds no interpolation error. The flow is given on the reference grid; the secondary is
read where the inverse of the flow leads, found by fixed-point iteration.
"""

import numpy as np
from scipy import ndimage

from gdiv.flow.contrast import local_contrast


def fractal_texture(size: int, slope: float, seed, anisotropy: float = 1.0, angle: float = 0.0) -> np.ndarray:
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
    amplitude = np.maximum(frequency, 2 / size) ** -slope * np.exp(-((np.hypot(kx, ky) / 0.32) ** 4))
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
        speed *= ndimage.gaussian_filter((margin > rng.normal(-0.3, 0.3)).astype(np.float32), rng.uniform(1.5, 6))
    shift = rng.normal(0, 0.2, size=(2, 1, 1))  # mis-registration moves the banks too
    return (speed * np.stack([np.cos(angle), np.sin(angle)]) + shift).astype(np.float32)


def inverse_points(flow: np.ndarray, iterations: int = 8) -> np.ndarray:
    """For each pixel `p` of the secondary the `x` of the reference with `x + flow(x) = p`, `(2, H, W)` as (x, y)."""
    _, height, width = flow.shape
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height), indexing="xy")).astype(np.float32)
    points = grid - flow
    for _ in range(iterations):
        moved = [ndimage.map_coordinates(part, points[::-1], order=1, mode="nearest") for part in flow]
        points = grid - np.stack(moved)
    return points


class SyntheticPairs:
    """Endless random pairs with exact displacement; `sample(seed)` is a pure function of the seed.

    What real dates do to a pair (uneven light, texture that ages, cloud in one date, noise) is scaled by a
    number drawn for each pair between zero and `difficulty`.
    """

    def __init__(self, size: int, reach: float, seed: int = 0, textures: int = 24, difficulty: float = 1.0):
        self.size, self.reach, self.seed, self.difficulty = size, reach, seed, difficulty
        rng = np.random.default_rng(seed)
        self.textures = [
            ndimage.spline_filter(
                fractal_texture(512, rng.uniform(0.6, 2.2), rng, rng.uniform(1, 1.8), rng.uniform(0, np.pi)),
                mode="grid-wrap",
            ).astype(np.float32)
            for _ in range(textures)
        ]

    def sample(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """`(2, H, W)` reference and secondary in local contrast, and the `(2, H, W)` flow between them, in pixels."""
        rng = np.random.default_rng([self.seed, index])
        shape = (self.size, self.size)
        flow = random_flow(shape, self.reach, rng)
        hard = self.difficulty * rng.random()
        grid = np.stack(np.meshgrid(np.arange(self.size), np.arange(self.size), indexing="xy")).astype(np.float32)
        points = inverse_points(flow)
        base, first_own, second_own = rng.choice(len(self.textures), 3, replace=False)
        origin = rng.uniform(0, 512, size=(2, 1, 1))
        stripes = rng.random() < 0.3
        wave = rng.uniform(-0.7, 0.7, 2)  # ogive-like bands, radians a pixel
        age = hard * rng.uniform(0, 0.8)  # amplitude of the texture each date has for itself

        def image(at, own):
            light = self._read(base, at + origin) + age * self._read(own, at + origin)
            if stripes:
                light = light + np.sin(wave[0] * at[0] + wave[1] * at[1] + light)
            return self._spoil(light, hard, rng)

        pair = np.stack([image(grid, first_own), image(points, second_own)])
        return pair, flow

    def _read(self, texture, points):
        return ndimage.map_coordinates(self.textures[texture], points[::-1], order=3, mode="grid-wrap", prefilter=False)

    @staticmethod
    def _spoil(light, hard, rng):
        gain = np.exp(0.3 * hard * smooth_field(light.shape, rng.uniform(20, 80), rng))
        light = gain * light + hard * rng.uniform(0, 1.5) * smooth_field(light.shape, rng.uniform(25, 80), rng)
        if rng.random() < 0.2 * hard:
            cover = smooth_field(light.shape, rng.uniform(10, 40), rng) > rng.uniform(1.0, 2.0)
            light = np.where(cover, rng.normal(0, 3) + 0.2 * light, light)
        light = light + rng.uniform(0, 0.25) * hard * rng.normal(size=light.shape)
        return local_contrast(light)
