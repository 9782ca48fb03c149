"""Numbered notebooks of the study and their parameters."""

import ast
from functools import cache
from pathlib import Path
from typing import Any

from gdiv.installation import shipped_path
from gdiv.study.execution import RunError
from gdiv.study.workspace import StudyError

__all__ = ["MATCHERS", "check_parameters", "notebook_parameters", "notebooks"]

NOTEBOOKS = shipped_path("notebooks")
#: Parameters of every notebook; the command has an option for each.
COMMON = ("glacier", "profile", "source", "workspace")
#: Parameter of the notebooks that compare matchers; also an option of the command.
MATCHERS = "matchers"


def notebooks(only: str = "") -> list[Path]:
    """List the numbered notebooks in order.

    Parameters
    ----------
    only : str, optional
        Number of the one to list.

    Returns
    -------
    list of Path
        Files of the notebooks.

    Raises
    ------
    RunError
        If no notebook has this number.
    """
    numbered = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    chosen = [path for path in numbered if not only or path.name[:2] == only]
    if not chosen:
        numbers = ", ".join(path.name[:2] for path in numbered)
        raise RunError(f"no notebook {only!r}; choose from: {numbers}")
    return chosen


@cache
def notebook_parameters(path: Path) -> dict[str, Any]:
    """Read the parameters of a notebook.

    Parameters
    ----------
    path : Path
        File of the notebook.

    Returns
    -------
    dict
        Output of papermill by parameter, including ``"default"`` as Python source.
    """
    import papermill

    return papermill.inspect_notebook(str(path))


def check_parameters(parameters: dict[str, str], chosen: list[Path]) -> dict[str, Any]:
    """Check parameters of single notebooks and convert them to the type of their default.

    Parameters
    ----------
    parameters : dict of str to str
        Values by name, as strings.
    chosen : list of Path
        Files of the notebooks to run.

    Returns
    -------
    dict
        Values by name.

    Raises
    ------
    StudyError
        If none of the chosen notebooks has a parameter of this name, or if its value has the wrong
        type. The message lists the parameters.
    """
    defaults = {
        name: each["default"]
        for path in notebooks()
        for name, each in notebook_parameters(path).items()
    }
    extra = [name for name in defaults if name not in (*COMMON, MATCHERS)]
    checked: dict[str, Any] = {}
    for name, text in parameters.items():
        if name not in extra:
            raise StudyError(
                f"no notebook parameter {name!r}; choose from: {', '.join(extra) or 'none'} "
                f"(or use the options --profile, --source, --workspace, --matchers)"
            )
        if not any(name in notebook_parameters(path) for path in chosen):
            raise StudyError(f"notebook {chosen[0].name[:2]} has no parameter {name!r}")
        default = ast.literal_eval(defaults[name])
        try:
            checked[name] = _converted(text, default)
            if isinstance(checked[name], int) and checked[name] < 0:
                raise ValueError(text)
        except ValueError:
            kinds = {bool: "true or false", int: "a non-negative integer", float: "a number"}
            kind = kinds[type(default)]
            raise StudyError(f"parameter {name}={text} must be {kind}") from None
    return checked


def _converted(text: str, default: Any) -> Any:
    """Convert text to the type of `default`."""
    if not isinstance(default, bool):
        return type(default)(text)
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"
