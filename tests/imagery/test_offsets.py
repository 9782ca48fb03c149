"""Choose the reflectance offset of a scene."""

import pytest

from gdiv.imagery import items, offsets, scenes


@pytest.mark.parametrize(
    ("properties", "rule", "dark", "offset", "explanation"),
    [
        (
            {"earthsearch:boa_offset_applied": True, "s2:processing_baseline": "05.00"},
            "flag",
            50,
            0.0,
            "boa_offset_applied",
        ),
        (
            {"earthsearch:boa_offset_applied": False, "s2:processing_baseline": "05.00"},
            "flag",
            1200,
            -0.1,
            "baseline 05.00",
        ),
        (
            {"earthsearch:boa_offset_applied": False, "s2:processing_baseline": "05.00"},
            "flag",
            150,
            0.0,
            "dark pixels near 150",
        ),
        ({"s2:processing_baseline": "03.01"}, "baseline", 300, 0.0, "before 04.00"),
        ({"s2:processing_baseline": "04.00"}, "baseline", 1300, -0.1, "baseline 04.00"),
        ({"s2:processing_baseline": "05.00"}, "raster", 1300, -0.1, "raster:bands"),
        ({}, -0.2, 7000, -0.2, "fixed by the source"),
    ],
)
def test_choose_offset_gives_the_offset_and_a_reason(properties, rule, dark, offset, explanation):
    item = {"properties": properties, "assets": {"nir": {"raster:bands": [{"offset": -0.1}]}}}
    item |= {"id": "a", "properties": properties | {"datetime": "2022-07-19T10:26:00Z"}}
    metadata = items.parse_item(item, "nir").offset
    chosen, reason = offsets.choose_offset(metadata, rule, dark)
    assert chosen == offset and explanation in reason


@pytest.mark.parametrize("flag", [True, False])
def test_a_wrong_offset_flag_is_corrected_by_dark_pixels(flag, glacier, twin_folder, twin):
    """All scenes since 2022 have the same flag, but only some contain the offset."""
    flagged = [
        item | {"properties": item["properties"] | {"earthsearch:boa_offset_applied": flag}}
        if item["properties"]["s2:processing_baseline"] >= "04.00"
        else item
        for item in twin["items"]
    ]
    masks = twin["masks"]
    table = scenes.judge_scenes(
        flagged, twin["source"], glacier, twin["grid"], masks.glacier.values, masks.stable.values
    )
    correct = twin["table"].set_index("id").offset
    inspected = table[table.offset.notna()].set_index("id")
    assert (inspected.offset == correct[inspected.index]).all()
    assert inspected.offset_reason.str.contains("dark pixel").any(), (
        "the reason must mention the dark pixels"
    )
