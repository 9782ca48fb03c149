"""Sections of `bench.md` on networks: their times, the errors of matchers, and the ablation."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from published_values import format_table

__all__ = ["ablation_lines", "network_lines"]

#: Units of the quantities on which errors depend, by key of the published results.
UNITS = {"displacement": "px", "texture": "of the image's spread"}
#: Titles of rows whose names in the published results are not titles.
ABLATION_TITLES = {"as it ships": "as shipped", "zero flow": "zero motion"}


def network_lines(networks: Mapping[str, Any]) -> list[str]:
    """Times compared with torchvision's networks, and errors by displacement and texture."""
    lines = [
        "",
        f"## Networks, on {networks['machine']}",
        "",
        "The table gives the time per tile of 256 x 256 pixels with batch size 1; the networks "
        "were timed alternately. The paper's network and those of torchvision use 12 refinements; "
        "gdiv's network uses "
        "4. The training rate includes forward pass, loss and backward pass in "
        "bfloat16.",
        "",
        *_time_lines(networks),
    ]
    for key in UNITS:
        lines += _dependence_lines(networks, key)
    return lines


def _time_lines(networks: Mapping[str, Any]) -> list[str]:
    """Table of the times of each network."""
    counts = sorted({row["threads"] for row in networks["inference"]})
    columns = [(threads, bits) for threads in counts for bits in (32, 16)]
    arithmetic = {32: "float32", 16: "bfloat16"}
    heads = [
        f"{arithmetic[bits]}, {threads} thread{'s' * (threads > 1)} (ms)"
        for threads, bits in columns
    ]
    times = {
        (row["network"], row["threads"], row["bits"]): row["milliseconds"]
        for row in networks["inference"]
    }
    rows = []
    for row in networks["training"]:
        name = row["network"]
        cells = [f"{times[name, threads, bits]:.0f}" for threads, bits in columns]
        rows.append((name, *cells, f"{row['samples_per_second']:.2f}"))
    return format_table(("network", *heads, "training, samples/s"), rows)


def _dependence_lines(networks: Mapping[str, Any], key: str) -> list[str]:
    """Section on the errors of matchers in classes of displacement or texture."""
    bounds = networks["bins"][key]
    classes = [f"{low:g} to {high:g}" for low, high in pairwise(bounds)]
    classes.append(f"from {bounds[-1]:g}")
    rows = [
        (row["matcher"], *(f"{error:.3f}" for error in row["error"]))
        for row in networks["dependence"]
        if row["by"] == key
    ]
    return [
        "",
        f"## Error by {key}, on synthetic pairs, 15 % decorrelated, with motion of up to 14 px",
        "",
        "The table gives the mean end-point error in pixels, with the settings that were best on "
        "such pairs with motion of up to 10 px.",
        "",
        *format_table((f"{key} ({UNITS[key]})", *classes), rows),
    ]


def ablation_lines(ablation: Mapping[str, Any]) -> list[str]:
    """Effect of each choice in the network, and of each stage of its training."""
    heads = ("variant", "parameters", "degraded, px", "clean, px", "ms per tile")
    rows = [
        (
            _ablation_title(row["variant"]),
            f"{row['parameters']:,}",
            f"{row['hard']:.2f}",
            f"{row['clean']:.2f}",
            f"{row['milliseconds']:.0f}",
        )
        for row in ablation["variants"]
    ]
    lines = [
        "",
        f"## Ablation: each choice in the network, {ablation['steps']} steps of four pairs",
        "",
        "The table gives the mean end-point error in pixels on synthetic pairs with other "
        "textures, degraded and clean, and the time per tile on one thread. The training is an "
        "eightieth of that of the shipped weights, so the order of the variants is more "
        "informative than their errors.",
        "",
        *format_table(heads, rows),
    ]
    return lines + _stage_lines(ablation) if ablation["stages"] else lines


def _stage_lines(ablation: Mapping[str, Any]) -> list[str]:
    """Section on the errors after each stage of training."""
    heads = ("after", "synthetic, degraded", "synthetic, clean", "twin", "along")
    rows = [
        (
            _ablation_title(row["stage"]),
            f"{row['hard']:.3f}",
            f"{row['clean']:.3f}",
            f"{row['twin']:.3f}",
            f"{100 * row['along']:+.1f} %",
        )
        for row in ablation["stages"]
    ]
    return [
        "",
        "## Ablation: each stage of training",
        "",
        "The table gives the mean end-point error in pixels on synthetic pairs with other "
        "textures and on the synthetic twin of Mer de Glace, which is not in the training data. "
        "The shipped weights are those after `twin`; the last two stages show the effect of "
        "Horn-Schunck labels.",
        "",
        *format_table(heads, rows),
    ]


def _ablation_title(name: str) -> str:
    """Title of a variant or stage in tables."""
    return ABLATION_TITLES.get(name, name)
