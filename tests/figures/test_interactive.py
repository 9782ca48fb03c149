"""The interactive map, also tested offline in a real browser."""

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from browsing import needs_chromium, watch_page
from figure_data import EPSG, make_map, make_stake_table, make_stakes, make_velocity

from gdiv.figures import interactive_map

IMAGE = np.random.default_rng(0).normal(size=(40, 40))
SERIES_TITLE = "Bokeh.documents[0].roots()[0].children[3].title.text"


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
    view = interactive_map(product, others, table, make_stakes(), EPSG, 40, series, IMAGE)
    title, tabs, _, plot = view.children
    return [tab.title for tab in tabs.tabs], plot, title.text


def test_the_map_has_one_tab_per_layer_and_a_time_series():
    product = make_velocity().assign_attrs(matcher="raft", title="A map", description="Synthetic.")
    others = {"dis": make_map(25), "horn-schunck": make_map(28)}
    table = make_stake_table().query("matcher == 'raft'")
    titles, plot, text = draw_map(product, others, table)
    assert titles == ["RAFT hybrid", "error", "pairs", "DIS", "Horn-Schunck", "DIS − RAFT hybrid"]
    assert plot.yaxis.axis_label == "speed (m/yr)"
    assert "click the map" in plot.title.text
    assert re.sub(" style=.*?>", ">", text) == "<h1>A map</h1>Synthetic."


def test_other_matchers_and_stakes_are_optional():
    product = make_velocity().assign_attrs(matcher="raft")
    titles, _, _ = draw_map(product, {}, make_stake_table()[:0])
    assert titles == ["RAFT hybrid", "error", "pairs"]


def test_titles_from_scenes_are_not_markup():
    product = make_velocity().assign_attrs(matcher="raft", title="<script>alert()</script>")
    _, _, text = draw_map(product, {}, make_stake_table()[:0])
    assert "<script" not in text


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
    assert float(page.locator(".bk-tooltip-row-value").nth(1).inner_text()) > 10
    drawn = page.evaluate(SERIES_TITLE)
    assert "click the map" in drawn
    page.mouse.click(*position)
    page.wait_for_function(
        f"{SERIES_TITLE}.includes('RAFT hybrid: ') && {SERIES_TITLE}.includes(' E, ')"
    )
    tabs.last.click()
    page.wait_for_function(f"{SERIES_TITLE}.includes('Horn-Schunck: ')")
    page.locator(".noUi-handle").focus()
    page.keyboard.press("Home")
    layer = "Bokeh.documents[0].roots()[0].children[1].tabs[0].child.renderers[1].glyph"
    page.wait_for_function(f"{layer}.global_alpha.value == 0")
    assert requests == [path.as_uri()] and not errors
