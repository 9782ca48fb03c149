"""Declared claims of a study."""

import pytest

from gdiv.study.declared_claims import CLAIMS, find_claim, row_claims, row_label
from gdiv.study.workspace import StudyError


def test_keys_are_unique_and_claims_have_unit_and_meaning():
    keys = [claim.key for claim in CLAIMS]
    assert len(set(keys)) == len(keys)
    assert all(claim.unit and claim.meaning for claim in CLAIMS)


def test_claims_of_rows_name_their_row():
    for claim in CLAIMS:
        assert ("*" in claim.key) == ("{row}" in claim.meaning), claim.key


def test_a_row_is_one_part_of_the_key():
    assert find_claim("mosaic.raft-mean.rmse").key == "mosaic.*.rmse"
    with pytest.raises(StudyError, match=r"no claim 'mosaic.raft.mean.rmse' is declared"):
        find_claim("mosaic.raft.mean.rmse")
    with pytest.raises(StudyError, match=r"no claim 'mosaic.rmse' is declared"):
        find_claim("mosaic.rmse")


def test_claims_of_rows_are_listed_by_column():
    claims = row_claims("mosaic")
    assert claims["rmse"].unit == "m/yr"
    assert "speed" not in claims
    assert row_claims("nothing") == {}


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("raft", "raft"),
        ("raft, mean", "raft-mean"),
        ("on labels, space split", "space"),
        ("zero flow", "zero-flow"),
    ],
)
def test_row_labels_can_be_part_of_a_key(name, label):
    assert row_label(name) == label
