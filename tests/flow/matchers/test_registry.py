"""A matcher is one object: those of gdiv, of other packages, and registered by hand."""

import subprocess
import sys

import numpy as np
import pytest

import gdiv
from gdiv.flow.matchers import registry
from gdiv.flow.matchers.registry import (
    Matcher,
    UnknownMatcherError,
    get_matcher,
    matcher_colour,
    matcher_label,
)


class Shifted:
    """Finds one shift, whatever the images."""

    name = "shifted"
    label = "one shift"
    colour = "#123456"
    reach = 5.0
    cost = 0.1
    needs = ()

    def match(self, reference, secondary, *, shift=1.0):
        return np.full(reference.shape, shift), np.zeros(reference.shape)


@pytest.fixture
def shifted():
    gdiv.register_matcher(Shifted())
    yield
    registry._matchers().pop("shifted")


@pytest.mark.parametrize("name", gdiv.list_matchers())
def test_every_matcher_has_the_attributes_of_the_protocol(name):
    matcher = get_matcher(name)
    assert isinstance(matcher, Matcher)
    assert matcher.name == name and matcher.label
    assert matcher.colour.startswith("#") and len(matcher.colour) == 7
    assert matcher.reach >= 0 and matcher.cost >= 0


def test_colours_and_labels_tell_matchers_apart():
    names = [name for name in gdiv.list_matchers() if name != "still"]
    assert len({matcher_label(name) for name in names}) == len(names)
    assert len({matcher_colour(name) for name in names}) == len(names)


def test_a_matcher_of_another_package_is_found_by_its_entry_point():
    assert "phase-correlation" in gdiv.list_matchers()
    assert type(get_matcher("phase-correlation")).__module__ == "phase_correlation"
    printed = subprocess.run(
        [sys.executable, "-m", "gdiv", "matchers"], capture_output=True, text=True, check=True
    ).stdout
    assert "phase-correlation" in printed and "farneback" in printed


def test_a_registered_matcher_is_used_like_any_other(shifted):
    image = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    match = gdiv.match_images("shifted", image, image, shift=2.0)
    assert np.nanmedian(match.u) == 2 and match.u.dtype == np.float32
    assert matcher_colour("shifted") == "#123456" and matcher_label("shifted") == "one shift"


def test_a_name_is_taken_once(shifted):
    with pytest.raises(ValueError, match="there is a matcher 'shifted' already"):
        gdiv.register_matcher(Shifted())
    gdiv.register_matcher(Shifted(), replace=True)


def test_an_object_that_is_no_matcher_is_refused_with_what_it_lacks():
    with pytest.raises(TypeError, match="needs the attributes colour, reach, cost, needs, match"):
        gdiv.register_matcher(type("Half", (), {"name": "half", "label": "half"})())


def test_an_unknown_name_lists_what_exists():
    with pytest.raises(
        UnknownMatcherError, match=r"no matcher 'rafts'; there are: .*raft.*mean 'raft'"
    ):
        get_matcher("rafts")


def test_a_missing_package_is_named(shifted):
    Shifted.needs = ("no_such_package",)
    try:
        with pytest.raises(gdiv.extras.MissingPackageError, match="pip install no_such_package"):
            get_matcher("shifted")
    finally:
        Shifted.needs = ()


def test_an_option_that_a_matcher_does_not_take_is_refused():
    image = np.zeros((64, 64), np.float32)
    with pytest.raises(ValueError, match="dis takes no option 'network'; only raft does"):
        gdiv.match_images("dis", image, image, network=None)


def test_a_matcher_that_returns_another_shape_is_named(shifted):
    Shifted.match, kept = lambda self, a, b: (a[:2], b[:2]), Shifted.match
    try:
        with pytest.raises(ValueError, match="matcher 'shifted' returned 2 arrays"):
            gdiv.match_images("shifted", *np.zeros((2, 64, 64), np.float32))
    finally:
        Shifted.match = kept


def test_vectors_that_a_matcher_did_not_find_have_no_quality():
    texture = np.random.default_rng(0).normal(size=(160, 160)).astype(np.float32)
    match = gdiv.match_images("phase-correlation", texture, texture)
    missing = np.isnan(match.u)
    assert 0 < missing.mean() < 1 and not match.quality[missing].any()


def test_results_depend_on_the_source_of_a_foreign_matcher_alone():
    assert registry.source_hash(["dis", "raft"]) == registry.source_hash([])
    assert registry.source_hash(["phase-correlation"]) != registry.source_hash([])
