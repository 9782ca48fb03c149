"""Freed memory is reused."""

import os
import subprocess
import sys

import pytest

from gdiv.memory import VARIABLES

# Of the third block of 50 MB, count the pages that the system had to provide.
COUNT_PAGES = """
import resource
import gdiv

for _ in range(3):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = b"x" * (50 * 2**20)
    pages = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    del block
print(gdiv.memory.reuse_freed_memory(), pages)
"""


def measure_reuse(**environment):
    """Whether the setting can be made, and the pages provided for a block that was free."""
    chosen = {*VARIABLES, "GLIBC_TUNABLES"}
    inherited = {name: text for name, text in os.environ.items() if name not in chosen}
    command = [sys.executable, "-c", COUNT_PAGES]
    made, pages = subprocess.check_output(command, env=inherited | environment, text=True).split()
    return made == "True", int(pages)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not count pages")
def test_a_freed_block_is_reused_where_the_library_allows_it():
    made, pages = measure_reuse()
    if not made:
        pytest.skip("the C library does not have the setting")
    assert pages < 100


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not count pages")
@pytest.mark.parametrize("name", VARIABLES)
def test_a_setting_of_the_environment_is_kept(name):
    assert not measure_reuse(**{name: "1048576"})[0]
