"""Choose pairs of scenes by the rules of a glacier."""

import sys

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from places import ROOT

from gdiv.catalog import Pairing, load_catalog
from gdiv.imagery import pairs

sys.path.insert(0, str(ROOT / "results"))

from checks import draw_clear_scenes


def test_annual_pairs_share_orbit_and_time_of_year(twin, glacier):
    table = pairs.choose_pairs(twin["table"], glacier, [2021, 2022])
    assert (table.orbit == 108).all() and (table.season_difference <= 45).all()
    assert {d.year for d in table.reference_date} == {2021} and {
        d.year for d in table.secondary_date
    } == {2022}
    assert len(pairs.choose_pairs(twin["table"], glacier, [2021, 2022], max_pairs=2)) == 2
    assert table.years.to_numpy() == pytest.approx(table.days.to_numpy() / 365.25)


def test_interval_pairs_are_within_the_allowed_days():
    moreno = load_catalog().glaciers["perito-moreno"]
    days = pd.to_datetime(["2020-01-31", "2020-02-07", "2020-02-10", "2020-02-20", "2020-02-22"])
    table = pd.DataFrame(
        {
            "id": list("abcde"),
            "date": days,
            "orbit": [1, 2, 1, 1, 2],
            "season_year": 2020,
            "verdict": "use",
            "clear": np.nan,
            "sun_azimuth": np.nan,
        }
    )
    chosen = pairs.choose_pairs(table, moreno, [2020])
    assert set(zip(chosen.reference, chosen.secondary, strict=True)) == {
        ("a", "c"),
        ("a", "d"),
        ("c", "d"),
        ("b", "e"),
    }


def test_choosing_no_pair_raises_an_error_with_counts(twin, glacier):
    with pytest.raises(ValueError, match=r"no pair for season years \[2018, 2019\].*2020: 3"):
        pairs.choose_pairs(twin["table"], glacier, [2018, 2019])


@pytest.mark.parametrize("seed", range(5))
def test_the_rule_of_the_paper_chooses_all_170_pairs(glacier, seed):
    """10 clear scenes of one season and 17 of the next; the glacier's own rule keeps fewer."""
    table = draw_clear_scenes({2021: 10, 2022: 17}, seed)
    as_paper = glacier.model_copy(update={"pairing": Pairing(rule="paper")})
    assert len(pairs.choose_pairs(table, as_paper, [2021, 2022])) == 170
    assert 90 <= len(pairs.choose_pairs(table, glacier, [2021, 2022])) < 150


def test_the_rule_of_the_paper_ignores_orbit_and_sun(glacier):
    table = draw_clear_scenes({2021: 10, 2022: 17}, 0)
    table["orbit"] = [108, 65] * 13 + [108]
    table["sun_azimuth"] = np.linspace(100, 200, 27)
    as_paper = glacier.model_copy(update={"pairing": Pairing(rule="paper")})
    assert len(pairs.choose_pairs(table, as_paper, [2021, 2022])) == 170


def test_scenes_with_different_sun_azimuth_are_not_paired(glacier):
    table = draw_clear_scenes({2021: 10, 2022: 17}, 0)
    lit_differently = table.assign(sun_azimuth=[150.0] * 10 + [171.0] * 17)
    with pytest.raises(ValueError, match="no pair"):
        pairs.choose_pairs(lit_differently, glacier, [2021, 2022])


def test_pair_tables_are_combined_with_the_names_of_their_sets():
    train = pd.DataFrame({"reference": ["a", "b"]}, [3, 7])
    table = pairs.label_sets(train=train, validation=pd.DataFrame({"reference": ["c"]}))
    assert table.reference.tolist() == ["a", "b", "c"]
    assert table.set.tolist() == ["train", "train", "validation"]
    assert table.index.tolist() == [0, 1, 2]


def test_the_images_of_a_pair_are_read_by_their_ids():
    cube = xr.Dataset(
        {"reflectance": (("scene", "y", "x"), np.arange(12.0).reshape(3, 2, 2))},
        coords={"scene": ["a", "b", "c"]},
    )
    pair = pd.DataFrame({"reference": ["c"], "secondary": ["a"]}).iloc[0]
    reference, secondary = pairs.read_pair(cube, pair)
    assert reference[0, 0] == 8
    assert secondary[0, 0] == 0


@pytest.mark.parametrize(
    ("baselines", "mixed"),
    [(("02.14", "03.01"), True), (("03.01", "05.09"), False), (("02.14", ""), False)],
)
def test_pairs_of_two_terrain_models_are_marked(baselines, mixed, glacier):
    scenes = pd.DataFrame(
        {
            "id": ["a", "b"],
            "date": pd.to_datetime(["2020-08-01", "2021-08-04"]),
            "season_year": [2020, 2021],
            "verdict": "use",
            "orbit": 108,
            "sun_azimuth": 150.0,
            "clear": 1.0,
            "baseline": baselines,
        }
    )
    table = pairs.choose_pairs(scenes, glacier, [2020, 2021])
    assert table.mixed_terrain.tolist() == [mixed]
    note = pairs.terrain_note(table)
    assert ("1 of 1 pairs" in note and "earth-search-c1" in note) if mixed else note == ""
