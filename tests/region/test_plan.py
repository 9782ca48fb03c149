"""Plan a region before running it."""

import pytest

from gdiv.catalog import load_catalog
from gdiv.imagery.archive import UnreachableError
from gdiv.region import plan
from gdiv.region.plan import plan_region, summarise_plan


def test_a_plan_counts_scenes_pairs_hours_and_cost():
    keys = ["mer-de-glace", "argentiere"]
    plan = plan_region(keys, "smoke", "", "dis").set_index("glacier")
    profile = load_catalog().profiles["smoke"]
    assert (plan.pairs == profile.max_pairs).all() and (plan.reason == "").all()
    assert (plan.scenes == sum(profile.usable_scenes[:2])).all(), "of the two seasons compared"
    assert plan.core_hours.min() > 0
    slow = plan_region(keys, "smoke", "", "raft").set_index("glacier")
    assert (slow.core_hours > plan.core_hours).all()
    text = summarise_plan(plan.reset_index(), core_hour=1.0, gigabyte_month=0.0)
    assert text.startswith("2 glaciers, 0 of which cannot run") and "per 1000 km²" in text
    assert f"{plan.core_hours.sum():.2f} US dollars at 1 per core-hour" in text


def test_a_glacier_without_scenes_has_its_reason(twin_folder):
    source = str(twin_folder / "items.json")
    plan = plan_region(["mer-de-glace", "aletsch"], "full", source, "dis")
    reasons = plan.set_index("glacier").reason
    assert reasons["mer-de-glace"] == "" and "none of them within" in reasons["aletsch"]
    assert "1 of which cannot run" in summarise_plan(plan)
    assert plan.pairs.max() >= 1 and plan.gigabytes_read.max() >= 0


def test_an_unreachable_archive_is_asked_once(monkeypatch):
    asked = []

    def search(key, *_):
        asked.append(key)
        raise UnreachableError("the archive cannot be reached")

    monkeypatch.setattr(plan, "plan_run", search)
    planned = plan_region(["mer-de-glace", "aletsch", "tasman"], "full", "earth-search", "dis")
    assert asked == ["mer-de-glace"]
    assert (planned.reason == "the archive cannot be reached").all()


def test_an_empty_plan_has_no_rate(twin_folder):
    source = str(twin_folder / "items.json")
    plan = plan_region(["aletsch"], "full", source, "dis")
    assert "unknown per 1000 km²" in summarise_plan(plan)
    with pytest.raises(KeyError):
        plan["cost"]
