"""Badges of the README that open the notebooks of this fork in Binder, Colab and Codespaces."""

import re
import subprocess
from pathlib import Path

__all__ = ["format_launch_links", "read_origin"]

NOTEBOOK = "notebooks/00_the_study_on_one_page.ipynb"
#: Placeholder for the repository in URLs.
PLACEHOLDER = "OWNER/REPOSITORY"


def read_origin(folder: Path) -> str:
    """URL of the remote ``origin`` of the checkout that contains a folder; empty if none."""
    command = ["git", "remote", "get-url", "origin"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return result.stdout.strip()


def format_launch_links(origin: str) -> str:
    """Format badges for the repository at a GitHub URL.

    Parameters
    ----------
    origin : str
        URL of the repository. Without a GitHub URL, plain URLs are listed, with OWNER/REPOSITORY to
        be replaced.

    Returns
    -------
    str
        Markdown.
    """
    address = re.search(r"github\.com[:/]+([\w.-]+)/([\w.-]+?)(?:\.git)?/?$", origin)
    repository = "/".join(address.groups()) if address else PLACEHOLDER
    binder = f"https://mybinder.org/v2/gh/{repository}/HEAD?urlpath=lab/tree/{NOTEBOOK}"
    colab = f"https://colab.research.google.com/github/{repository}/blob/HEAD/{NOTEBOOK}"
    codespaces = f"https://codespaces.new/{repository}"
    installation = f'`%pip install "gdiv[study] @ git+https://github.com/{repository}"`'
    if not address:
        return (
            f"To run the notebooks in a browser, replace {PLACEHOLDER} with the name of your fork. "
            "`make links` converts these URLs to badges.\n\n"
            f"- Binder: `{binder}`\n"
            f"- Colab: `{colab}`, after {installation}\n"
            f"- Codespaces: `{codespaces}`"
        )
    return (
        f"[![Binder](https://mybinder.org/badge_logo.svg)]({binder})\n"
        f"[![Colab](https://colab.research.google.com/assets/colab-badge.svg)]({colab})\n"
        f"[![Codespaces](https://github.com/codespaces/badge.svg)]({codespaces})\n\n"
        f"In Colab, run {installation} first."
    )
