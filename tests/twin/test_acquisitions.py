"""Plan the acquisitions of a twin."""

from gdiv.catalog import load_catalog
from gdiv.twin.acquisitions import plan_acquisitions


def test_the_plan_has_the_requested_number_of_usable_scenes():
    entry = load_catalog().glaciers["mer-de-glace"]
    for usable in ([4, 6, 8], [7, 10, 17]):
        plan = plan_acquisitions(entry, usable, 0)
        counts = [
            sum(a.kind == "usable" and a.day.year == year for a in plan)
            for year in entry.twin.years
        ]
        assert counts == usable
        assert {a.kind for a in plan} >= {
            "usable",
            "snow",
            "other-orbit",
            "duplicate",
            "missing-asset",
        }
