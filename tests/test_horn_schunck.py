"""The solver: known motion, missing data, both backends, blocks, and the paper's setting against its equations."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from gdiv.flow.horn_schunck.blocks import solve_in_blocks
from gdiv.flow.horn_schunck.median import median_filter
from gdiv.flow.horn_schunck.solver import PAPER, Settings, solve_horn_schunck
from gdiv.flow.matchers import horn_schunck
from gdiv.flow.matchers.matching import match_images
from gdiv.flow.training.renderer import PairRenderer, fractal_textures
from gdiv.images.sampling import invert_flow
from gdiv.images.textures import fractal_texture, random_flow

CLEAN = Settings(weight=1, median=1)
INNER = (slice(10, -10),) * 2


@pytest.fixture(scope="module")
def clean():
    """Four pairs of `(pair, flow)`: smooth motion, and tongues between still banks."""
    flows = [random_flow((128, 128), 6, np.random.default_rng([7, i])) for i in range(4)]
    return [(np.stack(moved(flow, seed)), flow) for seed, flow in enumerate(flows)]


def moved(flow, seed=0, size=128):
    """A texture and itself moved by a `(2, H, W)` flow, exactly: the spline is the image."""
    spline = ndimage.spline_filter(fractal_texture(256, 1.5, seed), mode="grid-wrap")
    grid = np.stack(np.meshgrid(np.arange(size), np.arange(size), indexing="xy")).astype(np.float32)
    return [
        ndimage.map_coordinates(
            spline, at[::-1] + 40, order=3, mode="grid-wrap", prefilter=False
        ).astype(np.float32)
        for at in (grid, invert_flow(np.broadcast_to(flow, grid.shape).astype(np.float32)))
    ]


def error(found, flow):
    return np.hypot(*(np.stack(found) - flow))[INNER].mean()


@pytest.mark.parametrize("shift", [(1.0, 0.0), (0.0, -3.0), (0.3, -0.7), (7.25, 4.5)])
def test_a_shift_is_found(shift):
    """To a thirtieth of a pixel; `u` along columns and `v` along rows, positive where the secondary lies farther on."""
    flow = np.asarray(shift, np.float32)[:, None, None]
    u, v = solve_horn_schunck(*moved(flow), CLEAN)
    assert error((u, v), flow) < 0.033
    assert np.median(u) == pytest.approx(shift[0], abs=0.02) and np.median(v) == pytest.approx(
        shift[1], abs=0.02
    )


def test_smooth_motion_is_found(clean):
    assert np.mean([error(solve_horn_schunck(*pair, CLEAN), flow) for pair, flow in clean]) < 0.1
    assert np.mean([error(solve_horn_schunck(*pair), flow) for pair, flow in clean]) < 0.2


def test_a_ramp_is_not_shrunk():
    """Velocity that grows along the glacier: no bias from interpolation or smoothness."""
    y, x = np.mgrid[0:128, 0:128].astype(np.float32)
    flow = np.stack([0.03 * (x - 64) + 2, 0.02 * (y - 64)])
    u, v = solve_horn_schunck(*moved(flow), CLEAN)
    for found, true in zip((u, v), flow, strict=True):
        slope = np.polyfit(true[INNER].ravel(), found[INNER].ravel(), 1)[0]
        assert slope == pytest.approx(1, abs=0.01)


def test_brightness_may_change_between_the_dates(clean):
    """A gain, a smooth shading and a shift of brightness leave local contrast as it was, and ruin brightness."""
    pair, flow = clean[0]
    y, x = np.mgrid[0:128, 0:128] / 128
    changed = (pair[1] * (0.6 + 0.8 * x) + 3 * y).astype(np.float32)
    found = error(solve_horn_schunck(pair[0], changed), flow)
    raw = error(solve_horn_schunck(pair[0], changed, Settings(feature="brightness")), flow)
    assert found < 0.3 and found < 0.3 * raw


def test_the_scale_of_brightness_does_not_matter(clean):
    pair, _ = clean[0]
    plain = np.stack(solve_horn_schunck(*pair))
    for gain, offset in ((1e-7, 0), (1e-4, 0.2), (3000, 8000)):
        assert np.abs(np.stack(solve_horn_schunck(*(gain * pair + offset))) - plain).max() < 0.02
    high = pair.astype(np.float64) + 1e6
    assert np.abs(np.stack(solve_horn_schunck(*high)) - plain).max() < 0.02


def test_no_data_contributes_nothing(clean):
    pair, flow = clean[1]
    hole = pair.copy()
    hole[1, 50:70, 50:70] = np.nan
    garbage = np.where(np.isnan(hole), np.float32(1000), hole)
    u, v = solve_horn_schunck(*hole)
    wrong, _ = solve_horn_schunck(*garbage)
    assert np.isfinite(u).all() and np.isfinite(v).all()
    ring = (slice(40, 80), slice(40, 80))
    assert np.hypot(u - flow[0], v - flow[1])[ring].mean() < 0.5
    assert np.abs(wrong - flow[0])[ring].mean() > 2 * np.abs(u - flow[0])[ring].mean()
    assert not np.any(solve_horn_schunck(np.full((64, 64), np.nan), np.full((64, 64), np.nan)))


def test_still_rock_can_be_left_out():
    """Ice that slides past its margin is slowed beside rock that counts, and not beside rock that does not."""
    ice = np.zeros((128, 128), bool)
    ice[:, 44:84] = True
    flow = np.stack([np.zeros((128, 128)), np.where(ice, 4.0, 0.0)])
    base, other = moved(flow[:, :1, :1] * 0), moved(np.array([0, 4.0])[:, None, None])
    pair = base[0], np.where(ice, other[1], base[0])
    margin = np.zeros_like(ice)
    margin[20:-20, 44:48] = margin[20:-20, 80:84] = True
    together = solve_horn_schunck(*pair)[1][margin].mean()
    alone = solve_horn_schunck(*pair, mask=ice)[1][margin].mean()
    assert abs(alone - 4) < 0.5 * abs(together - 4)
    apart = match_images("horn-schunck", *pair, regions=ice)
    assert apart.v[margin].mean() == pytest.approx(alone, abs=1e-5)
    assert abs(apart.v[20:-20, 5:35]).max() < 0.1
    counts = match_images("horn-schunck", *pair, regions=255 * ice.astype(np.uint8))
    assert np.array_equal(counts.v, apart.v, equal_nan=True)
    with pytest.raises(ValueError, match="only horn-schunck"):
        match_images("dis", *pair, regions=ice)


@pytest.mark.parametrize("shape", [(2, 2), (2, 9), (7, 3), (17, 16), (33, 61), (65, 130), (96, 41)])
def test_any_size_is_solved(shape):
    image = fractal_texture(160, 1.5, 3)[: shape[0], : shape[1]]
    u, v = solve_horn_schunck(image, image)
    assert u.shape == v.shape == shape and np.abs(u).max() < 1e-3 and np.abs(v).max() < 1e-3


@pytest.mark.parametrize(
    "shape", [(2, 2), (2, 9), (9, 2), (17, 16), (31, 29), (30, 31), (31, 30), (65, 131)]
)
def test_any_size_is_solved_alike_by_both_backends(shape):
    """Odd sides have pixels of one colour more than of the other; motion shows a wrong rim."""
    pair = [
        image[: shape[0], : shape[1]].copy()
        for image in moved(np.array([0.6, -0.4])[:, None, None], size=140)
    ]
    found = np.stack(solve_horn_schunck(*pair, CLEAN))
    other = torch.stack(
        solve_horn_schunck(*(torch.from_numpy(image) for image in pair), CLEAN)
    ).numpy()
    assert np.isfinite(found).all() and np.abs(found).max() > 0.05
    assert np.abs(found - other).max() < 1e-3


def test_what_is_no_brightness_is_no_data(clean):
    pair, _ = clean[1]
    hole = pair.copy()
    hole[1, 50:70, 50:70] = np.nan
    expected = np.stack(solve_horn_schunck(*hole))
    for fill in (np.inf, -np.inf, -3.4e38):
        filled = np.where(np.isnan(hole), np.float32(fill), hole)
        assert np.array_equal(np.stack(solve_horn_schunck(*filled)), expected)
    field = np.ones((20, 20), np.float32)
    field[3, 3] = np.inf
    assert np.array_equal(median_filter(field, 9), np.ones((20, 20)))


def test_images_without_texture_do_not_move():
    flat = np.full((70, 50), 0.3)
    found = match_images("horn-schunck", flat, flat + 0.1)
    assert not found.u.any() and not found.v.any() and not found.quality.any()


def test_any_type_and_layout_is_taken(clean):
    counts = np.round(3000 + 500 * clean[2][0]).astype(np.uint16)
    plain = np.stack(solve_horn_schunck(*counts.astype(np.float32)))
    for pair in (
        counts,
        counts.astype(np.float64),
        counts.astype(">i4"),
        np.asfortranarray(counts),
        np.repeat(np.repeat(counts, 2, 1), 2, 2)[:, ::2, ::2],
        [image[::-1, ::-1].copy()[::-1, ::-1] for image in counts],
    ):
        assert np.abs(np.stack(solve_horn_schunck(*pair)) - plain).max() < 1e-3


def test_bad_input_is_named():
    image = np.zeros((32, 32), np.float32)
    with pytest.raises(ValueError, match=r"one .H, W. shape are needed, got .32, 32. and .32, 31."):
        solve_horn_schunck(image, image[:, :-1])
    with pytest.raises(ValueError, match="one .H, W. shape"):
        solve_horn_schunck(image[None], image[None])
    with pytest.raises(ValueError, match="at least 2 x 2"):
        solve_horn_schunck(image[:1], image[:1])
    with pytest.raises(ValueError, match="mask's shape"):
        solve_horn_schunck(image, image, mask=np.ones((4, 4), bool))
    with pytest.raises(ValueError, match="contrast, sobel, brightness"):
        Settings(feature="colour")
    with pytest.raises(ValueError, match="5 or 7 taps"):
        Settings(taps=3)
    with pytest.raises(ValueError, match="weight is above 0"):
        Settings(weight=0)
    with pytest.raises(ValueError, match="odd window"):
        median_filter(image, 4)
    with pytest.raises(ValueError, match="odd window"):
        Settings(median=4)
    with pytest.raises(ValueError, match="sigma is above 0"):
        Settings(sigma=0)


def test_the_way_back_shows_what_is_gone(clean):
    pair, _ = clean[3]
    spoilt = pair.copy()
    spoilt[1, 40:70, 40:70] = clean[0][0][0][40:70, 40:70]
    found = match_images("horn-schunck", *spoilt, check_consistency=True)
    assert np.median(found.residual[45:65, 45:65]) > 3 * np.median(found.residual[80:110, 80:110])
    assert np.median(found.quality[45:65, 45:65]) < 0.5 < np.median(found.quality[80:110, 80:110])
    assert np.isnan(match_images("horn-schunck", *pair).residual).all()


@pytest.mark.parametrize(
    "settings",
    [Settings(), Settings(feature="brightness", weight=1), Settings(taps=7, symmetric=True), PAPER],
    ids=["default", "brightness", "symmetric", "paper"],
)
def test_torch_gives_the_same(clean, settings):
    pair = clean[0][0][:, :101, :119].copy()
    pair[1, 30:45, 60:90] = np.nan
    mask = np.ones(pair.shape[1:], bool)
    mask[:, :20] = False
    u, v = solve_horn_schunck(*pair, settings, mask)
    found = solve_horn_schunck(*torch.from_numpy(pair), settings, torch.from_numpy(mask))
    assert all(isinstance(part, torch.Tensor) and part.dtype == torch.float32 for part in found)
    assert max(np.abs(found[0].numpy() - u).max(), np.abs(found[1].numpy() - v).max()) < 0.01


def test_a_batch_gives_what_its_pairs_give(clean):
    batch = torch.from_numpy(np.stack([pair for pair, _ in clean]))
    u, v = solve_horn_schunck(batch[:, 0], batch[:, 1])
    for index, (pair, _) in enumerate(clean):
        alone = solve_horn_schunck(*torch.from_numpy(pair))
        assert (u[index] - alone[0]).abs().max() < 1e-4 and (v[index] - alone[1]).abs().max() < 1e-4


def test_blocks_give_what_the_whole_gives():
    # Of a pair that is matched: where a solver fails, what it says hangs on everything.
    pair, flow = PairRenderer(fractal_textures(4, 5, 1024), 600, 8, seed=5, difficulty=0.5).samples(
        2
    )[1]
    pair[0, 300:330, 200:260] = np.nan
    pair = pair[:, :, :590]
    settings = Settings(levels=4)
    whole = np.stack(solve_horn_schunck(*pair, settings))
    assert np.nanmedian(np.hypot(*(whole - flow[:, :, :590]))) < 0.1
    parts = [
        np.stack(solve_in_blocks(*pair, settings, block=192, halo=192, workers=n)) for n in (1, 3)
    ]
    assert np.abs(parts[0] - whole).max() < 1e-3
    assert np.array_equal(*parts)
    mask = np.zeros(pair.shape[1:], bool)
    mask[:, 100:400] = True
    whole = np.stack(solve_horn_schunck(*pair, settings, mask))
    part = np.stack(solve_in_blocks(*pair, settings, mask, block=192, halo=192))
    assert (
        np.abs(part - whole)[:, mask].max() < 0.02
    )  # through what is left out, smoothness reaches farther


def test_a_pair_too_large_to_solve_whole_is_matched_by_blocks(clean, monkeypatch):
    pair, _ = clean[0]
    whole = match_images("horn-schunck", *pair)
    seen = []
    monkeypatch.setattr(horn_schunck, "MAX_WHOLE", 100)
    monkeypatch.setattr(
        horn_schunck, "solve_in_blocks", lambda *args: seen.append(args) or solve_in_blocks(*args)
    )
    assert (
        np.array_equal(match_images("horn-schunck", *pair).u, whole.u, equal_nan=True)
        and len(seen) == 1
    )


def test_bad_blocks_are_named():
    image = np.zeros((600, 600), np.float32)
    with pytest.raises(ValueError, match="multiples of 16"):
        solve_in_blocks(image, image, block=200)
    with pytest.raises(ValueError, match="must have 256 pixels, got 128"):
        solve_in_blocks(image, image, block=128, halo=64)
    with pytest.raises(ValueError, match="mask's shape"):
        solve_in_blocks(image, image, mask=np.ones((700, 700), bool))
    with pytest.raises(ValueError, match="sobel is scaled by the whole image"):
        solve_in_blocks(image, image, PAPER)


def test_median_is_the_median():
    rng = np.random.default_rng(0)
    field = rng.normal(size=(40, 50)).astype(np.float32)
    for size in (1, 3, 5, 9, 11):
        edge = (slice(size // 2, 40 - size // 2), slice(size // 2, 50 - size // 2))
        assert (
            np.abs(median_filter(field, size) - ndimage.median_filter(field, size))[edge].max()
            < 1e-3
        )
    field[10:13, 10:13] = np.nan
    found = median_filter(field, 9)
    assert np.isfinite(found).all()
    assert found[20, 8] == pytest.approx(np.nanmedian(field[16:25, 4:13]), abs=1e-3)
    assert found[0, 0] == pytest.approx(np.nanmedian(field[:5, :5]), abs=1e-3)
    assert np.isnan(median_filter(np.full((5, 5), np.nan, np.float32), 3)).all()
    assert np.array_equal(median_filter(np.full((6, 6), 2.5, np.float32), 3), np.full((6, 6), 2.5))


# --- the paper's setting from its equations, as plainly as can be ---


def keys(t):
    """The bicubic kernel of Keys with a = -1/2, at distance `t`."""
    t = abs(t)
    if t < 1:
        return 1.5 * t**3 - 2.5 * t**2 + 1
    return -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2 if t < 2 else 0.0


def slow_read(image, x, y):
    """`image` at `(x, y)`, and whether that is in the frame."""
    height, width = image.shape
    out, inside = np.zeros(x.shape), np.zeros(x.shape, bool)
    for index in np.ndindex(x.shape):
        px, py = x[index], y[index]
        inside[index] = 0 <= px <= width - 1 and 0 <= py <= height - 1
        px, py = np.clip(px, 0, width - 1), np.clip(py, 0, height - 1)
        for j in range(int(py) - 1, int(py) + 3):
            for i in range(int(px) - 1, int(px) + 3):
                value = image[np.clip(j, 0, height - 1), np.clip(i, 0, width - 1)]
                out[index] += keys(px - i) * keys(py - j) * value
    return out, inside


def slow_paper(reference, secondary):
    """3 levels, 2 warps, 400 Jacobi steps, half-warps, 7 taps, Sobel magnitude, 9 x 9 median in every warp."""

    def prepare(image):
        magnitude = (
            np.hypot(ndimage.sobel(image, 1, mode="mirror"), ndimage.sobel(image, 0, mode="mirror"))
            / 8
        )
        return (magnitude - magnitude.mean()) / magnitude.std()

    def halve(image):
        def blur(field):
            return ndimage.gaussian_filter(field, 1, mode="constant", truncate=3)

        smooth = blur(image) / blur(np.ones_like(image))
        return (smooth[::2, ::2] + smooth[1::2, ::2] + smooth[::2, 1::2] + smooth[1::2, 1::2]) / 4

    def double(field):
        at = [(np.arange(2 * side) - 0.5) / 2 for side in field.shape]
        return 2 * ndimage.map_coordinates(
            field, np.meshgrid(*at, indexing="ij"), order=1, mode="nearest"
        )

    def slope(image, axis):
        return ndimage.correlate1d(
            image, np.array([-1, 9, -45, 0, 45, -9, 1]) / 60, axis, mode="nearest"
        )

    def mean(field):
        padded = np.pad(field, 1, mode="reflect")
        return (padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]) / 4

    pyramid = [tuple(prepare(image.astype(float)) for image in (reference, secondary))]
    for _ in range(2):
        pyramid.append(tuple(halve(image) for image in pyramid[-1]))
    u = v = np.zeros(pyramid[-1][0].shape)
    for first, second in pyramid[::-1]:
        if u.shape != first.shape:
            u, v = double(u), double(v)
        y, x = np.mgrid[: first.shape[0], : first.shape[1]]
        for _ in range(2):
            one, seen = slow_read(first, x - u / 2, y - v / 2)
            two, seen_too = slow_read(second, x + u / 2, y + v / 2)
            ix, iy = slope((one + two) / 2, 1), slope((one + two) / 2, 0)
            it = two - one - ix * u - iy * v
            for _ in range(400):
                mean_u, mean_v = mean(u), mean(v)
                step = (
                    (seen & seen_too)
                    * (ix * mean_u + iy * mean_v + it)
                    / (PAPER.weight + ix**2 + iy**2)
                )
                u, v = mean_u - ix * step, mean_v - iy * step
            u, v = (
                ndimage.generic_filter(
                    part,
                    lambda w: np.nanquantile(w, 0.5, method="lower"),
                    9,
                    mode="constant",
                    cval=np.nan,
                )
                for part in (u, v)
            )
    return u, v


def test_the_papers_setting_follows_its_equations():
    y, x = np.mgrid[0:64, 0:72] / 64
    flow = np.zeros((2, 128, 128), np.float32)
    flow[:, :64, :72] = 1.5 + x * y, 0.5 - y
    pair = [image[:64, :72] for image in moved(flow)]
    u, v = solve_horn_schunck(*pair, PAPER)
    slow_u, slow_v = slow_paper(*pair)
    assert np.hypot(slow_u - flow[0, :64, :72], slow_v - flow[1, :64, :72])[INNER].mean() < 0.3
    assert max(np.abs(u - slow_u).max(), np.abs(v - slow_v).max()) < 0.01
