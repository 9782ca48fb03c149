"""Read the scenes of a rendered twin."""

import json

import numpy as np
import rasterio


def read_twin_items(folder):
    """Read the items of a twin, by their id."""
    features = json.loads((folder / "items.json").read_text(encoding="utf-8"))["features"]
    return {item["id"]: item for item in features}


def read_asset(folder, item, asset="nir"):
    """Read the digital numbers of an asset."""
    with rasterio.open(folder / item["assets"][asset]["href"]) as file:
        return file.read(1).astype(np.float32)


def choose_clear_pair(twin, year):
    """Choose a nearly cloudless scene of a season and one of the next; return their ids."""
    used = twin["table"].query("verdict == 'use' and clear > 0.95")
    return used[used.season_year == year].id.iloc[0], used[used.season_year == year + 1].id.iloc[0]
