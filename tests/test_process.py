"""Settings that importing gdiv makes for the process."""

import os
import subprocess
import sys

import pytest

# Of the third block of 50 MB, count the pages that the system had to provide.
COUNT_PAGES = """
import resource
import gdiv

for _ in range(3):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = b"x" * (50 * 2**20)
    pages = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    del block
print(pages)
"""


def count_pages(**environment):
    """Pages newly provided for a block as large as one that was freed."""
    inherited = {name: text for name, text in os.environ.items() if "MALLOC" not in name}
    command = [sys.executable, "-c", COUNT_PAGES]
    return int(subprocess.check_output(command, env=inherited | environment, text=True))


@pytest.mark.skipif(
    not hasattr(os, "confstr") or "CS_GNU_LIBC_VERSION" not in os.confstr_names,
    reason="only the C library of GNU has the setting",
)
def test_freed_memory_is_reused_unless_the_environment_says_otherwise():
    assert count_pages() < 1000
    assert count_pages(MALLOC_TRIM_THRESHOLD_="65536", MALLOC_MMAP_THRESHOLD_="65536") > 10_000


def test_importing_gdiv_lets_idle_threads_sleep():
    command = [sys.executable, "-c", "import os, gdiv; print(os.environ['OMP_WAIT_POLICY'])"]
    inherited = {name: text for name, text in os.environ.items() if name != "OMP_WAIT_POLICY"}
    assert subprocess.check_output(command, env=inherited, text=True).strip() == "PASSIVE"
