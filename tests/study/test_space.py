"""Room on the disk."""

import errno
import shutil
from collections import namedtuple

import numpy as np
import pytest
import xarray as xr

from gdiv.study.space import check_space


@pytest.fixture
def little_room(monkeypatch):
    """A disk with one megabyte left."""
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(10**9, 10**9 - 10**6, 10**6))


def make_dataset(values):
    return xr.Dataset({"u": ("x", np.zeros(values, np.float32))})


def test_a_store_that_does_not_fit_is_refused_before_it_is_computed(tmp_path, little_room):
    path = tmp_path / "displacement-dis.zarr"
    check_space(make_dataset(800_000), path)
    with pytest.raises(OSError, match=r"displacement-dis takes at least .* free some") as error:
        check_space(make_dataset(900_000), path)
    assert error.value.errno == errno.ENOSPC


def test_the_unfinished_part_counts_as_free_and_an_earlier_store_does_not(tmp_path, little_room):
    path = tmp_path / "labels.zarr"
    for store in (path, path.with_suffix(".part")):
        store.mkdir()
        (store / "c").write_bytes(bytes(500_000))
    check_space(make_dataset(1_200_000), path)
    shutil.rmtree(path.with_suffix(".part"))
    with pytest.raises(OSError, match="labels takes"):
        check_space(make_dataset(1_200_000), path)
