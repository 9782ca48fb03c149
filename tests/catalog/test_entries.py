"""Seasons."""

from datetime import date

from gdiv.catalog import load_catalog


def test_a_season_over_new_year_belongs_to_the_year_it_ends_in():
    season = load_catalog().glaciers["perito-moreno"].season
    assert season.dates(2020) == (date(2019, 12, 1), date(2020, 3, 31))
    assert season.year_of(date(2019, 12, 15)) == season.year_of(date(2020, 2, 1)) == 2020
    assert season.year_of(date(2020, 7, 1)) is None
    northern = load_catalog().glaciers["mer-de-glace"].season
    assert (
        northern.year_of(date(2020, 8, 1)) == 2020 and northern.year_of(date(2020, 12, 1)) is None
    )
