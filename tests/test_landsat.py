"""The whole study on scenes of Landsat."""

import shutil

import pytest
from flavours import write_flavour
from synthetic import is_marked, list_files

from gdiv.command import main
from gdiv.study.opening import open_study


@pytest.mark.timeout(5400)
@pytest.mark.run
def test_the_study_runs_on_landsat(tmp_path, capsys):
    """Scenes with 30 m pixels, other names, scale and mask reproduce the stakes to 5 m/yr.

    The study treats these scenes as real, so they are not marked as synthetic. When the stakes
    change, only the notebooks that read them run again.
    """
    twin = tmp_path / "twin"
    open_study("mer-de-glace", "smoke", workspace=str(tmp_path)).scene_source()
    scenes = write_flavour(twin, tmp_path / "scenes", "landsat")
    for name in ("outline.geojson", "stakes.geojson"):
        shutil.copy(twin / name, scenes)
    source = f"earth-search-landsat@{scenes / 'items.json'}"
    run = ["run", "mer-de-glace", "--profile", "smoke"]
    run += ["--source", source, "--workspace", str(tmp_path / "study")]
    assert main(run) == 0
    study = open_study("mer-de-glace", "smoke", source, str(tmp_path / "study"))
    assert study.grid.resolution.x == 30
    stakes_table = study.open("stakes").query("matcher == 'horn-schunck'")
    assert len(stakes_table) == 3 and (abs(stakes_table.difference) < 5).all()
    # These notebooks and figures show published results of the twins, and random pairs.
    results = ("notebooks/00", "notebooks/09", "notebooks/10", "figures/glaciers")
    synthetic = (*results, "figures/narrow", "figures/drawn", "figures/relative-errors")
    marked = [path for path in list_files(study.folder) if is_marked(path)]
    names = [path.relative_to(study.folder).as_posix() for path in marked]
    assert not [name for name in names if not name.startswith(synthetic)]
    stakes = scenes / "stakes.geojson"
    stakes.write_text(
        stakes.read_text(encoding="utf-8").replace("Tacul", "Moved"), encoding="utf-8"
    )
    capsys.readouterr()
    assert main(run) == 0
    lines = capsys.readouterr().out.splitlines()
    unchanged = [line[:2] for line in lines if "up to date (took" in line]
    assert unchanged == ["00", "02", "03", "04", "05", "08", "09", "10"]
