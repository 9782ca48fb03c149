"""Journal of the results that a notebook reads and writes."""

from gdiv.study.journal import JOURNAL, log_access, read_journal


def test_accesses_are_sorted_by_kind_without_duplicates(tmp_path, monkeypatch):
    path = tmp_path / "journal"
    monkeypatch.setenv(JOURNAL, str(path))
    for name in ("data/pairs.csv", "NOTE.md", "data/pairs.csv"):
        log_access("read", name)
    log_access("wrote", "figures/a map.png")
    assert read_journal(path, "read") == ["NOTE.md", "data/pairs.csv"]
    assert read_journal(path, "wrote") == ["figures/a map.png"]


def test_nothing_is_logged_outside_a_run(tmp_path, monkeypatch):
    monkeypatch.delenv(JOURNAL, raising=False)
    monkeypatch.chdir(tmp_path)
    log_access("read", "data/pairs.csv")
    assert not list(tmp_path.iterdir())
