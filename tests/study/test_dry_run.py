"""Plan a run without running it."""

import pytest
from stac_server import StacServer

from gdiv.catalog import CatalogError
from gdiv.command import main
from gdiv.study.dry_run import format_plan, plan_run


def test_scenes_pairs_and_costs_are_reported_without_reading_or_writing(
    twin_folder, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with StacServer(twin_folder) as server:
        plan = plan_run("mer-de-glace", "full", f"earth-search@{server.url}")
        assert server.searches > 0 and server.bytes == 0
    usable = plan.scenes[plan.scenes.verdict == "use"]
    assert 5 < len(usable) <= len(plan.scenes)
    assert len(plan.pairs["training"]) > 0 and len(plan.pairs["validation"]) > 0
    assert plan.bytes_stored > plan.bytes_read > 0
    assert plan.bytes_read == pytest.approx(len(usable) * 2 * plan.pixels * 1.5)
    assert plan.seconds > 0
    text = format_plan(plan)
    assert "training pairs: " in text and "MB to read and" in text
    assert "unknown until pixels are read" in text
    assert not list(tmp_path.iterdir())


def test_a_twin_has_nothing_to_search(capsys):
    with pytest.raises(CatalogError, match="nothing to search"):
        plan_run("mer-de-glace", "demo")
    assert main(["search", "mer-de-glace", "--profile", "smoke"]) == 1
    assert "choose a source" in capsys.readouterr().err
