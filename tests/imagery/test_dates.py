"""Dates in the names of files, as each provider writes them."""

import pytest

from gdiv.imagery.dates import date_in_name


@pytest.mark.parametrize(
    ("name", "date"),
    [
        ("LC08_L2SP_197012_20200731_20200908_02_T1_SR_B5", "2020-07-31T00:00:00"),
        ("LC80640172013166LGN00_B8", "2013-06-15T00:00:00"),
        ("HLS.S30.T32TLR.2020216T102559.v2.0.B08", "2020-08-03T10:25:59"),
        ("MOD09GA.A2020366.h18v04", "2020-12-31T00:00:00"),
        ("S2A_MSIL2A_20200803T102559_N0214_R108_T32TLR_20200804T120000", "2020-08-03T10:25:59"),
        ("T32TLR_20200803T102559_B08_10m", "2020-08-03T10:25:59"),
        ("20200731_142233_1003_3B_AnalyticMS_SR", "2020-07-31T14:22:33"),
        ("20200803_102559_ssc1_u0001_analytic", "2020-08-03T10:25:59"),
        ("10AUG03102559-P2AS-052903564010_01_P001", "2010-08-03T10:25:59"),
        ("WV02_20150612103011_103001004", "2015-06-12T10:30:11"),
        ("IMG_SPOT6_MS_202008031025123_ORT_1", "2020-08-03T10:25:12"),
        ("IMG_PHR1A_P_202008031025599_ORT", "2020-08-03T10:25:59"),
        ("AST_L1T_00308032020102559_20200804120000_123", "2020-08-03T10:25:59"),
        ("mine-2020-07-31", "2020-07-31T00:00:00"),
        ("x_20200731_320045", "2020-07-31T00:00:00"),
    ],
)
def test_dates_of_providers_are_found(name, date):
    found = date_in_name(name)
    assert found is not None and found.isoformat() == date


@pytest.mark.parametrize(
    "name", ["scene", "scene_20201345", "scene_197012", "LC08_L2SP_197012", "A2021366", "19711301"]
)
def test_other_numbers_are_not_dates(name):
    assert date_in_name(name) is None
