"""The time left of a run."""

from gdiv.study.time_left import TimeLeft


def test_the_estimate_follows_the_pace_of_the_machine():
    fast, slow = TimeLeft(["01", "04", "05"]), TimeLeft(["01", "04", "05"])
    assert fast.finish("01", 4) == "under a minute left"
    assert slow.finish("01", 1000) == "about 132 min left"


def test_notebooks_that_are_up_to_date_take_no_time():
    time_left = TimeLeft(["01", "04", "05"])
    time_left.skip("04")
    time_left.skip("05")
    assert time_left.finish("01", 35) == ""


def test_a_notebook_of_the_user_counts_as_short():
    assert TimeLeft(["01", "99"]).finish("01", 35) == "under a minute left"
