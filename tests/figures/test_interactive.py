"""The interactive map, also in a real browser without a network."""

import pandas as pd
import pytest
import xarray as xr
from browsing import needs_chromium, watch_page
from figure_data import EPSG, make_map, make_stake_table, make_stakes, make_velocity

from gdiv.figures import interactive_map


def make_series():
    """Make a time series of two intervals for each pixel."""
    component = xr.concat([make_map(10), make_map(20)], "interval")
    dates = pd.to_datetime(["2020-08-01", "2020-09-01", "2021-08-01"])
    coords = {"start": ("interval", dates[:2]), "end": ("interval", dates[1:])}
    fields = {"vx": component, "vy": 0 * component, "error": 0 * component + 3}
    return xr.Dataset(fields).assign_coords(coords)


def draw_map(product, others, table):
    """Draw a map; return the titles of its tabs and the plot of the time series."""
    series = dict.fromkeys(["raft", *others], make_series())
    view = interactive_map(product, others, table, make_stakes(), EPSG, 40, series)
    tabs, plot = view.children
    return [tab.title for tab in tabs.tabs], plot


def test_the_map_has_one_tab_per_layer_and_a_time_series():
    product = make_velocity().assign_attrs(matcher="raft", title="A map", description="Synthetic.")
    others = {"dis": make_map(25), "horn-schunck": make_map(28)}
    table = make_stake_table().query("matcher == 'raft'")
    titles, plot = draw_map(product, others, table)
    assert titles == ["RAFT hybrid", "error", "pairs", "DIS", "Horn-Schunck", "DIS − RAFT hybrid"]
    assert plot.yaxis.axis_label == "speed (m/yr)"
    assert "click the map" in plot.title.text
    assert [text.text for text in plot.below if hasattr(text, "text")] == ["Synthetic."]


def test_other_matchers_and_stakes_are_optional():
    product = make_velocity().assign_attrs(matcher="raft")
    titles, _ = draw_map(product, {}, make_stake_table()[:0])
    assert titles == ["RAFT hybrid", "error", "pairs"]


@needs_chromium
@pytest.mark.timeout(3600)
def test_the_saved_map_works_without_a_network(smoke, browser):
    path = smoke / "products" / "map.html"
    assert path.stat().st_size < 5e6
    page, requests, errors = watch_page(browser, width=900, height=1100)
    page.goto(path.as_uri())
    tabs = page.locator(".bk-tab")
    tabs.first.wait_for()
    names = tabs.all_inner_texts()
    assert (
        names[:4] == ["RAFT hybrid", "error", "pairs", "Horn-Schunck"]
        and names[-1] == "Horn-Schunck − RAFT hybrid"
    )
    speed = page.locator(".bk-Canvas").first
    box = speed.bounding_box()
    position = box["x"] + 0.45 * box["width"], box["y"] + 0.5 * box["height"]
    page.mouse.move(*position)
    for label in ("speed (m/yr)", "error (m/yr)", "north (m/yr)"):
        page.get_by_text(label).and_(page.locator(".bk-tooltip-row-label")).first.wait_for()
    assert float(page.locator(".bk-tooltip-row-value").nth(2).inner_text()) > 10
    drawn = page.evaluate("Bokeh.documents[0].roots()[0].children[1].title.text")
    page.mouse.click(*position)
    title = "Bokeh.documents[0].roots()[0].children[1].title.text"
    page.wait_for_function(f"{title}.includes('RAFT hybrid: ') && {title}.includes(' E, ')")
    assert "click the map" in drawn
    tabs.last.click()
    page.wait_for_function(f"{title}.includes('Horn-Schunck: ')")
    assert not [url for url in requests if url.startswith("http")] and not errors
