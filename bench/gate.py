"""Throughput check: time of each kernel relative to that of a named library, in one run.

Run `python bench/gate.py`; it fails if a ratio exceeds the published one by more than 10 %.
`--record` publishes the ratios of this machine instead. Both sides run alternately and the shortest
processor times are used, so that other load on the machine has little effect.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from scipy import ndimage
from skimage.registration import optical_flow_tvl1
from speed import set_threads

import gdiv
from gdiv.flow.horn_schunck.median import median_filter
from gdiv.flow.horn_schunck.settings import QUADRATIC
from gdiv.flow.horn_schunck.solver import solve_horn_schunck
from gdiv.flow.inverse_search import to_bytes
from gdiv.images.contrast import local_contrast
from gdiv.images.textures import fractal_texture

__all__ = ["main", "measure_ratios"]

TARGET = Path(__file__).parent.parent / "results" / "published" / "gate.json"
#: Maximum allowed ratio, relative to the published one.
ALLOWED = 1.10
#: Side of the images, pixels.
SIZE = 256
#: True displacement, pixels.
SHIFT = (3, 2)
#: Number of alternations between both sides.
ROUNDS = 9
#: Channels and repetitions of the convolution that RAFT is compared with.
CHANNELS = 32
CONVOLUTIONS = 40

Call = Callable[[], object]


def measure_ratios() -> dict[str, float]:
    """Time each kernel and its peer alternately on one thread.

    Returns
    -------
    dict of str to float
        Shortest processor time of the kernel divided by that of the peer, by their names.
    """
    set_threads(1)
    return {name: _ratio(ours, peer) for name, (ours, peer) in _calls().items()}


def _calls() -> dict[str, tuple[Call, Call]]:
    """Calls of each kernel and of its peer."""
    texture = fractal_texture(SIZE + 8, 1.3, seed=0).astype(np.float32)
    reference = np.ascontiguousarray(texture[4:-4, 4:-4])
    down, right = SHIFT
    secondary = np.ascontiguousarray(texture[4 - down : -4 - down, 4 - right : -4 - right])
    grey = [to_bytes(local_contrast(image)) for image in (reference, secondary)]
    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    network, _ = gdiv.load_weights()
    convolution = torch.nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
    features = torch.rand(1, CHANNELS, SIZE, SIZE)
    return {
        "median of 9 x 9 / scipy": (
            lambda: median_filter(reference, 9),
            lambda: ndimage.median_filter(reference, 9),
        ),
        "quadratic Horn-Schunck / DIS of OpenCV": (
            lambda: solve_horn_schunck(reference, secondary, QUADRATIC),
            lambda: dis.calc(*grey, None),
        ),
        "robust Horn-Schunck / TV-L1 of scikit-image": (
            lambda: solve_horn_schunck(reference, secondary),
            lambda: optical_flow_tvl1(reference, secondary),
        ),
        "DIS of gdiv / DIS of OpenCV": (
            lambda: gdiv.match_images("dis", reference, secondary),
            lambda: dis.calc(*grey, None),
        ),
        "network of RAFT / convolutions of PyTorch": (
            lambda: gdiv.predict_flow(network, reference, secondary),
            lambda: _convolve(convolution, features),
        ),
    }


def _convolve(convolution: torch.nn.Module, features: torch.Tensor) -> None:
    """Apply a convolution several times."""
    with torch.no_grad():
        for _ in range(CONVOLUTIONS):
            convolution(features)


def _ratio(ours: Call, peer: Call) -> float:
    """Shortest processor time of a call divided by that of another call."""
    shortest = [np.inf, np.inf]
    for call in (ours, peer):
        call()  # compile and fill the caches
    for _ in range(ROUNDS):
        for index, call in enumerate((ours, peer)):
            start = time.process_time()
            call()
            shortest[index] = min(shortest[index], time.process_time() - start)
    return shortest[0] / shortest[1]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--record", action="store_true", help="publish the ratios of this machine")
    record = parser.parse_args().record
    ratios = measure_ratios()
    if record:
        rounded = {name: round(ratio, 4) for name, ratio in ratios.items()}
        TARGET.write_text(json.dumps(rounded, indent=1) + "\n", encoding="utf-8")
        return
    published = json.loads(TARGET.read_text(encoding="utf-8"))
    slower = {name: ratio / published[name] for name, ratio in ratios.items()}
    for name, change in slower.items():
        print(f"{name}: {ratios[name]:.3f}, {change:.2f} times the published ratio")
    if max(slower.values()) > ALLOWED:
        raise SystemExit(f"a ratio is more than {ALLOWED:.2f} times the published one")


if __name__ == "__main__":
    main()
