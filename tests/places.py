"""Paths of the checkout and of real scenes beside it, and sources of files."""

from pathlib import Path

from gdiv.catalog import load_catalog

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"
#: Matchers of the smoke run: those of the profile, one of gdiv that is in no profile, and one of
#: another package.
MATCHERS = "horn-schunck,raft,correlation,dis,farneback,phase-correlation"


def file_source(path):
    """Make a source of an ItemCollection file."""
    return load_catalog().sources["twin"].model_copy(update={"kind": "file", "path": str(path)})
