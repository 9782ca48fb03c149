"""Published files of synthetic scenes state that they are synthetic."""

import json
import re

import rasterio
import xarray as xr
from synthetic import is_marked, list_files


def test_all_files_of_a_synthetic_run_are_marked(smoke):
    unmarked = [
        path.relative_to(smoke).as_posix() for path in list_files(smoke) if not is_marked(path)
    ]
    assert not unmarked


def test_synthetic_products_are_marked_in_their_metadata(smoke):
    item = json.loads((smoke / "products" / "item.json").read_text(encoding="utf-8"))
    properties = item["properties"]
    assert (
        "synthetic Mer de Glace" in properties["title"]
        and "not satellite" in properties["description"]
    )
    assert properties["gdiv:synthetic"] is True
    with rasterio.open(smoke / "products" / "v.tif") as file:
        assert (
            file.tags()["SYNTHETIC"] == "true"
            and "synthetic" in file.tags()["TIFFTAG_DOCUMENTNAME"]
        )
    product = xr.open_zarr(smoke / "products" / "velocity.zarr", consolidated=False)
    assert product.attrs["synthetic"] == "true" and "synthetic" in product.attrs["title"]
    assert not re.search(r"S2[AB]_|MSIL2A|sentinel-2", json.dumps(item) + str(product.attrs))
    scenes = json.loads((smoke / "twin" / "items.json").read_text(encoding="utf-8"))["features"]
    for scene in scenes:
        assert scene["properties"]["gdiv:synthetic"] is True and scene["id"].startswith(
            "synthetic-"
        )
    assert "<title>gdiv: synthetic Mer de Glace</title>" in (
        smoke / "products" / "map.html"
    ).read_text(encoding="utf-8")
