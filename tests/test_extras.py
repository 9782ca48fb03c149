"""The core works without optional packages; errors name the extra of a missing package."""

import subprocess
import sys
import textwrap

import pytest

OPTIONAL = (
    "bokeh cartopy cql2 distributed glaft holoviews hvplot ipykernel IPython jsonschema jupyterlab "
    "jupyter_client matplotlib mypy nbclient nbformat odc.stac panel papermill planetary_computer "
    "playwright pyoptflow pytest safetensors sphinx torch"
)
BLOCK = f"""
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in {OPTIONAL.split()!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
"""


def run_core(code):
    """Run `code` where none of the optional packages can be imported."""
    done = subprocess.run(
        [sys.executable, "-c", BLOCK + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=600,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_command_and_the_classical_matchers_need_only_the_core():
    code, out = run_core(
        """
        import numpy as np
        from gdiv.command import main
        from gdiv.flow.matchers.matching import match_images
        assert main(["glaciers"]) == main(["sources"]) == main(["catalog"]) == 0
        image = np.random.default_rng(0).normal(size=(96, 96)).astype("float32")
        for name in ("horn-schunck", "correlation", "dis", "tv-l1", "ilk", "zero"):
            assert match_images(name, image, np.roll(image, 1, axis=1)).u.shape == (96, 96)
        """
    )
    assert code == 0, out


@pytest.mark.parametrize(
    ("code", "package", "extra"),
    [
        (
            "from gdiv.flow.matchers.matching import match_images\n"
            "match_images('raft', *np.zeros((2, 64, 64), 'float32'))",
            "torch",
            "train",
        ),
        ("import gdiv.figures", "matplotlib", "maps"),
        (
            "from gdiv.velocity.validation import _glaft_metric\n"
            "_glaft_metric(np.ones(9), np.ones(9))",
            "glaft",
            "study",
        ),
    ],
)
def test_a_missing_package_is_named_with_its_extra(code, package, extra):
    status, out = run_core(f"import numpy as np\n{code}")
    last = out.strip().splitlines()[-1]
    assert status == 1 and package in last and f'pip install "gdiv[{extra}]"' in last


def test_a_run_without_its_packages_raises_one_sentence():
    code, out = run_core("from gdiv.command import main; sys.exit(main(['run', 'mer-de-glace']))")
    assert (
        code == 1
        and out.startswith("gdiv: running notebooks needs papermill")
        and "gdiv[study]" in out
    )
    assert len(out.strip().splitlines()) == 1
