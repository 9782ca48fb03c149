"""Run the ``gdiv`` command; errors that the user can fix are printed without a traceback."""

import os
import sys

from gdiv.benchmark.kinds import BenchmarkError, UnknownCaseError
from gdiv.catalog import OWN_CATALOG, CatalogError
from gdiv.command import lists, regions, scenes, studies
from gdiv.command.parser import make_parser
from gdiv.extras import MissingPackageError
from gdiv.flow.matchers.registry import UnknownMatcherError
from gdiv.imagery.archive import SceneError
from gdiv.imagery.folder import FolderError
from gdiv.imagery.single_image import PairError
from gdiv.study.execution import RunError, environment
from gdiv.study.workspace import StudyError

__all__ = ["main"]

#: Errors caused by user input; their message is printed without a traceback.
ERRORS = (
    BenchmarkError,
    CatalogError,
    FolderError,
    MissingPackageError,
    PairError,
    RunError,
    SceneError,
    StudyError,
    UnknownCaseError,
    UnknownMatcherError,
)
#: Exit status of a command that the user has interrupted: 128 + SIGINT, as in shells.
INTERRUPTED = 130
#: Commands that resume after an interruption, and the note that is printed then.
RESUMED = ("run", "region", "bench")
RESUMES = "; the same command resumes from here"
COMMANDS = {
    "run": studies.run_named,
    "check": studies.check,
    "clean": studies.clean,
    "search": studies.search_scenes,
    "items": scenes.describe_folder,
    "pair": scenes.compute_pair,
    "region": regions.plan_or_run,
    "bench": lists.show_benchmark,
    "glaciers": lists.show_glaciers,
    "matchers": lists.show_matchers,
    "sources": lists.show_sources,
    "catalog": lists.show_catalogs,
}


def main(argv: list[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : list of str, optional
        Arguments; by default those of the command line.

    Returns
    -------
    int
        Exit status: 0 on success, 1 after an error, 130 if interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # not every terminal can display accented names
            stream.reconfigure(errors="replace")
    arguments = make_parser().parse_args(argv)
    # The notebooks' kernels inherit the variable.
    own = getattr(arguments, "catalog", None) or os.environ.get(OWN_CATALOG)
    try:
        with environment(**{OWN_CATALOG: own}):
            COMMANDS[arguments.command](arguments)
        sys.stdout.flush()
    except ERRORS as error:
        print(f"gdiv: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        resumes = arguments.command in RESUMED
        print(f"gdiv: stopped{RESUMES if resumes else ''}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader, such as `head`, has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
