"""Costs added up along paths."""

import os
import subprocess
import sys

CODE = """
import hashlib
import numpy as np
from gdiv.flow.horn_schunck.paths import cheapest

costs = np.random.default_rng(0).random((30, 40, 35 * 35), np.float32)
displacement = np.stack(cheapest(costs, 16, (0.1, 0.6)))
print(hashlib.sha256(displacement.tobytes()).hexdigest())
"""


def test_the_process_that_compiles_gets_the_same_bits_as_the_next(tmp_path):
    command = [sys.executable, "-c", CODE]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    compiled, cached = (
        subprocess.check_output(command, env=environment, text=True) for _ in range(2)
    )
    assert any(tmp_path.rglob("*.nbc"))
    assert compiled == cached
