"""Pairs of real texture moved by published velocity fields, from files outside the package.

Each file ``*.npz`` of a folder is one pair, with the arrays ``reference`` and ``secondary``
(uint16, 0 is no data), ``u`` and ``v`` (int16, 1/q pixels), ``q``, and ``ice`` (packed bits of
``shape``). They are never used for tuning or training.
"""

from pathlib import Path

import numpy as np

from gdiv.benchmark.cases import Case, Pair, scored_pixels
from gdiv.benchmark.scenes import MissingSceneError, require_folder

__all__ = ["PUBLISHED", "make_published", "published_cases"]

#: Folder of the files, and the cases in it: texture, field, and longest displacement.
FOLDER = "narrow-warped"
PUBLISHED = (
    "mdg-aletsch-4px",
    "perito-aletsch-14px",
    "perito-kaskawulsh-8px",
    "rhone-mdg-8px",
    "yahtse-kaskawulsh-4px",
    "zmutt-aletsch-2px",
)


def published_cases() -> list[Case]:
    """List the cases of published fields; all belong to the test split.

    Returns
    -------
    list of Case
        The cases.
    """
    return [
        Case(name=f"test-published-{name}", kind="published", split="test", family=name)
        for name in PUBLISHED
    ]


def make_published(case: Case, scenes: Path | None) -> Pair:
    """Read the pair of a case.

    Parameters
    ----------
    case : Case
        Case of kind "published".
    scenes : Path or None
        Folder with one subfolder per site of real scenes.

    Returns
    -------
    Pair
        Images and truth.

    Raises
    ------
    MissingSceneError
        If the file is absent.
    """
    file = require_folder(scenes) / FOLDER / f"{case.family}.npz"
    if not file.is_file():
        raise MissingSceneError(f"{FOLDER}/{file.name} is missing from the folder of real scenes")
    with np.load(file) as stored:
        reference, secondary = (
            np.where(stored[key] > 0, stored[key], np.nan).astype(np.float32)
            for key in ("reference", "secondary")
        )
        steps = float(stored["q"])
        flow = np.stack([stored["u"], stored["v"]]).astype(np.float32) / np.float32(steps)
        height, width = stored["shape"]
        ice = np.unpackbits(stored["ice"])[: height * width].reshape(height, width).astype(bool)
    has_data = np.isfinite(reference) & np.isfinite(secondary)
    return Pair(reference, secondary, flow, ice, scored_pixels(flow) & has_data)
