"""Results of a study: names, contents, and the notebook that makes each."""

import difflib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import xarray as xr

from gdiv.files import Location
from gdiv.study.storage import dataset_folder
from gdiv.study.workspace import StudyError

__all__ = ["RESULTS", "Kind", "Result", "check_content", "find_result", "result_path"]

Kind = Literal["dataset", "items", "table", "weights"]
#: Suffix of the file or store of each kind of result.
SUFFIXES: dict[Kind, str] = {
    "dataset": ".zarr",
    "items": ".json",
    "table": ".csv",
    "weights": ".safetensors",
}


@dataclass(frozen=True)
class Result:
    """One result of a study, or one per matcher if the name ends in ``*``.

    Attributes
    ----------
    name : str
        Name used by notebooks to save and open it.
    kind : Kind
        ``"dataset"`` (xarray), ``"table"`` (pandas), ``"items"`` (STAC) or ``"weights"``.
    maker : str
        Number of the notebook that makes it.
    content : tuple of str
        Required variables of a dataset, or columns of a table.
    """

    name: str
    kind: Kind
    maker: str
    content: tuple[str, ...] = ()


_DISPLACEMENT = ("u", "v", "quality", "bias_x", "bias_y", "nmad_x", "nmad_y")
_MOSAIC = ("vx", "vy", "vx_error", "vy_error", "v_error", "count")
_HISTORY = ("network", "step", "loss", "validation")
_CHECKS = ("matcher", "rmse", "median", "p95", "along", "valid")

RESULTS = (
    Result("items", "items", "01"),
    Result("scenes", "table", "01", ("id", "date", "season_year", "verdict", "reason", "offset")),
    Result("cube", "dataset", "02", ("reflectance", "snow", "water")),
    Result("masks", "dataset", "02", ("glacier", "stable")),
    Result(
        "pairs", "table", "02", ("reference", "secondary", "years", "set", "shift_x", "shift_y")
    ),
    Result("labels", "dataset", "03", (*_DISPLACEMENT, "residual")),
    Result("tiles", "table", "04", ("pair", "row", "column", "turns", "set")),
    Result("history", "table", "04", _HISTORY),
    Result("training", "table", "04", ("network", "before", "own", "labels", "truth")),
    Result("weights", "weights", "04"),
    Result("displacement-*", "dataset", "05", _DISPLACEMENT),
    Result("scores", "table", "05", ("matcher", "error", "along", "bias", "nmad", "closure")),
    Result("mosaic-*", "dataset", "06", _MOSAIC),
    Result("stakes", "table", "06", ("name", "measured", "estimated", "difference", "matcher")),
    Result("validation", "table", "06", (*_CHECKS, "stakes", "nmad")),
    Result("reliability", "table", "06", ("matcher", "speed", "stated", "found")),
    Result("blocks", "table", "06", ("side", "blocks", "ratio")),
    Result("series-*", "dataset", "06", ("vx", "vy", "error", "closure")),
    Result("fewer-pairs", "table", "08", ("pairs", "mosaic", "rmse")),
    Result("choices", "table", "08", ("variant", "rmse", "median", "p95", "along", "valid")),
)


def find_result(name: str) -> Result:
    """Look up the declaration of a result.

    Parameters
    ----------
    name : str
        Name of a result.

    Returns
    -------
    Result
        Its declaration.

    Raises
    ------
    StudyError
        If no result has this name.

    Examples
    --------
    >>> find_result("displacement-dis").maker
    '05'
    """
    for result in RESULTS:
        if fnmatchcase(name, result.name):
            return result
    names = [result.name for result in RESULTS]
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"choose from: {', '.join(names)}"
    raise StudyError(f"a study has no result {name!r}; {hint}")


def result_path(folder: Path, name: str) -> Location:
    """Return the path of a result, which need not exist yet.

    Parameters
    ----------
    folder : Path
        Folder of the run.
    name : str
        Name of a result.

    Returns
    -------
    Path or upath.UPath
        File or store.
    """
    return locate(folder, f"data/{name}{SUFFIXES[find_result(name).kind]}")


def locate(folder: Path, name: str) -> Location:
    """Return the path of an output of a run, of which datasets may lie elsewhere.

    Parameters
    ----------
    folder : Path
        Folder of the run.
    name : str
        Name of the output, such as ``data/cube.zarr``, as in the record of the run.

    Returns
    -------
    Path or upath.UPath
        File or store.
    """
    if name.startswith("data/") and name.endswith(SUFFIXES["dataset"]):
        return dataset_folder(folder) / name.removeprefix("data/")
    return folder / name


def check_content(name: str, value: Any) -> None:
    """Check that a value matches the declaration of its name before it is written.

    Parameters
    ----------
    name : str
        Name of a result.
    value : Any
        Value to be written under this name.

    Raises
    ------
    StudyError
        If the value is of another kind, or lacks variables or columns; the message names them.
    """
    result = find_result(name)
    classes: dict[Kind, type] = {"dataset": xr.Dataset, "table": pd.DataFrame, "items": list}
    expected: type[Any] = classes.get(result.kind, object)
    if not isinstance(value, expected):
        raise StudyError(
            f"the result {name!r} must be a {expected.__name__}, not a {type(value).__name__}"
        )
    if result.content:
        missing = [each for each in result.content if each not in value]
        if missing:
            raise StudyError(f"the result {name!r} lacks {', '.join(missing)}")
