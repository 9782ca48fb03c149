"""Conversion of images of all types."""

import numpy as np
import pytest
import xarray as xr

from gdiv.flow.matchers.matching import match_images
from gdiv.images.arrays import as_image
from gdiv.images.textures import fractal_texture


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32", "float64", "bool", ">u2"])
def test_real_numbers_of_any_type_are_accepted(dtype):
    image = as_image(np.eye(3).astype(dtype))
    assert image.dtype == (np.float64 if dtype == "float64" else np.float32)
    assert image.tolist() == np.eye(3).tolist()


def test_masks_and_stated_values_become_nan():
    values = np.arange(6).reshape(2, 3)
    masked = np.ma.masked_equal(values, 2)
    stated = [
        xr.DataArray(values, dims=("y", "x"), attrs={"_FillValue": fill})
        for fill in (2, 2.0, np.uint16(2), np.float32(2))
    ]
    for image in (as_image(masked), *map(as_image, stated)):
        assert np.isnan(image[0, 2]) and np.isfinite(image).sum() == 5
    assert np.isnan(as_image(np.ma.masked_all((2, 2)))).all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.ones((3, 3), complex), "real numbers, got complex128"),
        (np.array([["a", "b"]]), "real numbers"),
        ([[1, None]], "real numbers, got object"),
        (np.ones((1, 3, 3)), r"two dimensions, .* \(1, 3, 3\)"),
    ],
)
def test_other_values_are_rejected(values, message):
    with pytest.raises(ValueError, match=message):
        as_image(values)


@pytest.mark.parametrize("matcher", ["horn-schunck", "dis", "correlation"])
def test_every_matcher_treats_masks_like_nan(matcher):
    texture = fractal_texture(120, 1.3, seed=0)
    reference, secondary = texture[10:106, 10:106], texture[10:106, 8:104]
    void = np.zeros((96, 96), bool)
    void[30:60, 30:60] = True
    masked = match_images(
        matcher, np.ma.array(reference, mask=void), np.ma.array(secondary, mask=void)
    )
    plain = match_images(
        matcher, np.where(void, np.nan, reference), np.where(void, np.nan, secondary)
    )
    assert np.array_equal(masked.u, plain.u, equal_nan=True)
    assert np.isnan(masked.u[void]).all()


@pytest.mark.parametrize("matcher", ["horn-schunck", "dis", "correlation", "zero", "ilk"])
def test_too_small_images_are_rejected_by_all_matchers(matcher):
    with pytest.raises(ValueError, match="at least 12 pixels per side"):
        match_images(matcher, np.ones((8, 8)), np.ones((8, 8)))
