"""Register and look up matchers: of gdiv, of other packages, and registered at run time."""

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
    """A matcher that returns one shift for all images."""

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
def test_matchers_have_the_attributes_of_the_protocol(name):
    matcher = get_matcher(name)
    assert isinstance(matcher, Matcher)
    assert matcher.name == name and matcher.label
    assert matcher.colour.startswith("#") and len(matcher.colour) == 7
    assert matcher.reach >= 0 and matcher.cost >= 0


def test_colours_and_labels_are_unique():
    # A doctest of the registry registers "static" in this process.
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


def test_a_registered_matcher_matches_images(shifted):
    image = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    match = gdiv.match_images("shifted", image, image, shift=2.0)
    assert np.nanmedian(match.u) == 2 and match.u.dtype == np.float32
    assert matcher_colour("shifted") == "#123456" and matcher_label("shifted") == "one shift"


def test_a_name_can_be_registered_once(shifted):
    with pytest.raises(ValueError, match="matcher 'shifted' exists already"):
        gdiv.register_matcher(Shifted())
    gdiv.register_matcher(Shifted(), replace=True)


def test_an_incomplete_matcher_raises_an_error_with_the_missing_attributes():
    with pytest.raises(TypeError, match="needs the attributes colour, reach, cost, needs, match"):
        gdiv.register_matcher(type("Half", (), {"name": "half", "label": "half"})())


def test_an_unknown_name_raises_an_error_that_lists_all():
    with pytest.raises(
        UnknownMatcherError, match=r"no matcher 'rafts'; choose from: .*raft.*mean 'raft'"
    ):
        get_matcher("rafts")


def test_a_missing_package_raises_an_error_that_names_it(shifted):
    Shifted.needs = ("no_such_package",)
    try:
        with pytest.raises(gdiv.extras.MissingPackageError, match="pip install no_such_package"):
            get_matcher("shifted")
    finally:
        Shifted.needs = ()


def test_an_unsupported_option_raises_an_error():
    image = np.zeros((64, 64), np.float32)
    with pytest.raises(ValueError, match="dis takes no option 'network'; only raft does"):
        gdiv.match_images("dis", image, image, network=None)


def test_a_wrong_shape_raises_an_error_that_names_the_matcher(shifted):
    kept = Shifted.match
    Shifted.match = lambda self, a, b: (a[:2], b[:2])
    try:
        with pytest.raises(ValueError, match="matcher 'shifted' returned 2 arrays"):
            gdiv.match_images("shifted", *np.zeros((2, 64, 64), np.float32))
    finally:
        Shifted.match = kept


def test_missing_vectors_have_zero_quality():
    texture = np.random.default_rng(0).normal(size=(160, 160)).astype(np.float32)
    match = gdiv.match_images("phase-correlation", texture, texture)
    missing = np.isnan(match.u)
    assert 0 < missing.mean() < 1 and not match.quality[missing].any()


def test_the_source_hash_depends_on_matchers_of_other_packages_only():
    assert registry.source_hash(["dis", "raft"]) == registry.source_hash([])
    assert registry.source_hash(["phase-correlation"]) != registry.source_hash([])


@pytest.mark.parametrize("name", ["My matcher", "a/b", "second-season", "two--hyphens", ""])
def test_names_unsuitable_for_files_or_claims_are_rejected(name):
    matcher = Shifted()
    matcher.name = name
    with pytest.raises(ValueError, match="cannot be the name of a matcher"):
        gdiv.register_matcher(matcher)


def test_a_class_and_needs_as_text_are_rejected():
    with pytest.raises(TypeError, match=r"Shifted is a class; register an object: Shifted\(\)"):
        gdiv.register_matcher(Shifted)
    matcher = Shifted()
    matcher.needs = "torch"
    with pytest.raises(TypeError, match="needs must be a tuple"):
        gdiv.register_matcher(matcher)


def test_a_matcher_object_works_without_registration():
    image = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    assert np.nanmedian(gdiv.match_images(Shifted(), image, image).u) == 1


def test_case_does_not_hide_a_suggestion():
    with pytest.raises(UnknownMatcherError, match="Did you mean 'raft'"):
        get_matcher("RAFT")
