"""Make the weights that ship: `python -m gdiv.flow.pretrain`, resumable, hours on a CPU.

Only synthetic pairs with exact displacement are used, no image of any glacier, so that every scene is
imagery the network has not seen.
"""

import argparse
from functools import cache
from pathlib import Path

from tqdm import tqdm

from gdiv.flow.raft import PRESETS, Raft
from gdiv.flow.synthetic import SyntheticPairs
from gdiv.flow.train import SHIPPED, TrainConfig, save_weights, score, score_zero, train


@cache
def _pairs(size: int, seed: int, difficulty: float = 1.0) -> SyntheticPairs:
    return SyntheticPairs(size, reach=12, seed=seed, difficulty=difficulty)


def pretrain(steps: int, checkpoint: Path, target: Path = SHIPPED) -> list[dict]:
    """Train the `gdiv` preset for `steps` batches of eight 128 x 128 pairs and write weights with their card."""
    config = TrainConfig(steps=steps, batch=8, rate=4e-4, seed=1, validate_every=100)
    validation = [_pairs(128, seed=10_001).sample(i) for i in range(32)]
    network = Raft(PRESETS["gdiv"])
    with tqdm(total=steps, unit="step") as bar:

        def report(row):
            bar.n = row["step"]
            bar.set_postfix(loss=f"{row['loss']:.3f}", error_px=f"{row['validation']:.3f}")

        history = train(network, _pairs(128, seed=1).sample, validation, config, checkpoint, report=report)
    clean = [_pairs(128, seed=10_002, difficulty=0.0).sample(i) for i in range(32)]
    save_weights(
        network,
        target,
        data="synthetic pairs, 0-12 px, with uneven light, ageing texture, cloud and noise; no glacier image",
        steps=steps,
        batch=config.batch,
        seed=config.seed,
        error_px_hard=history[-1]["validation"],
        error_px_clean=score(network, clean),
        zero_px_hard=score_zero(validation),
        zero_px_clean=score_zero(clean),
    )
    return history


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--checkpoint", type=Path, default=Path("runs/pretrain/state.safetensors"))
    arguments = parser.parse_args()
    pretrain(arguments.steps, arguments.checkpoint)
