"""Check the direction of imports, duplicated settings, links of documents and private paths."""

import ast
import re
import subprocess
import sys
import tomllib

import pytest
import yaml
from places import ROOT

sys.path.insert(0, str(ROOT / "docs"))
import rooms

#: Packages that only rooms above `flow` and `images` may import: those two take arrays.
FILES_AND_TABLES = {"xarray", "dask", "pandas", "geopandas", "rasterio", "stackstac", "rioxarray"}


def test_packages_import_only_packages_below_them():
    arrows = rooms.arrows(ROOT / "gdiv", "gdiv")
    assert set(arrows) == set(rooms.ORDER), "docs/rooms.py orders all rooms"
    assert rooms.upward(arrows) == []


@pytest.mark.parametrize(
    "folder", ["", "benchmark", "flow", "imagery", "study", "twin", "velocity"]
)
def test_imports_have_no_cycle(folder):
    path = ROOT / "gdiv" / folder
    arrows = rooms.arrows(path, ".".join(["gdiv", folder]).rstrip("."))
    assert rooms.circular(arrows) == []


@pytest.mark.parametrize("room", ["images", "flow"])
def test_images_and_flow_work_on_arrays_only(room):
    for path in (ROOT / "gdiv" / room).rglob("*.py"):
        packages = {name.split(".")[0] for name in rooms.imported(path)}
        assert not packages & FILES_AND_TABLES, path.name


def test_only_the_twin_reads_the_truth():
    for path in (ROOT / "gdiv").rglob("*.py"):
        if path.parent.name != "twin":
            assert "truth.zarr" not in path.read_text(encoding="utf-8"), path.name


def test_no_function_shares_its_name_with_a_module():
    modules = {path.stem for path in (ROOT / "gdiv").rglob("*.py")}
    modules |= {path.name for path in (ROOT / "gdiv").rglob("*") if path.is_dir()}
    for path in (ROOT / "gdiv").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                method = any(arg.arg in ("self", "cls") for arg in node.args.args[:1])
                assert method or node.name not in modules, f"{path.name}: {node.name}"


def test_environment_and_pyproject_name_the_same_packages():
    content = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    conda = {entry for entry in content if isinstance(entry, str)} - {"python=3.11", "pip"}
    pip = next(entry["pip"] for entry in content if isinstance(entry, dict))
    assert pip == ["-e .[study]"]

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    requirements = project["dependencies"] + extras["maps"] + extras["train"] + extras["study"]
    conda_names = {"matplotlib": "matplotlib-base", "torch": "pytorch-cpu"}
    from_pip = {"gdiv", "glaft", "opencv-python-headless", "stackstac"}  # with the package itself
    wanted = set()
    for requirement in requirements:
        name = re.match(r"[\w-]+", requirement).group()
        if name not in from_pip:
            wanted.add(conda_names.get(name, name) + requirement.removeprefix(name))
    assert conda == wanted


def test_requirements_are_pinned():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {line.split("==")[0] for line in lines if "==" in line}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(name for extra in project["optional-dependencies"].values() for name in extra),
    ]
    names = {re.split(r"[\[<>=]", entry)[0].lower() for entry in wanted} - {"gdiv"}
    assert names <= pinned


def test_hooks_use_the_pinned_versions():
    """The tools of pre-commit and of `make lint` have equal versions."""
    pinned = dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "constraints.txt").read_text(), re.M))
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    tools = {
        "ruff-pre-commit": "ruff",
        "mirrors-mypy": "mypy",
        "codespell": "codespell",
        "nbstripout": "nbstripout",
        "numpydoc": "numpydoc",
    }
    compared = 0
    for repository in hooks:
        tool = tools.get(repository["repo"].rstrip("/").split("/")[-1])
        if tool:
            assert repository["rev"].removeprefix("v") == pinned[tool], tool
            compared += 1
        for hook in repository["hooks"]:
            for requirement in hook.get("additional_dependencies", []):
                name, _, version = requirement.partition("==")
                assert version == pinned[name], requirement
    assert compared == len(tools)


def list_tracked_files():
    """List the files under version control that exist."""
    out = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    paths = [ROOT / name for name in out.splitlines()]
    return [path for path in paths if path.is_file()]


def test_links_in_documents_have_a_target():
    for path in list_tracked_files():
        # test_site.py tests the links of the site.
        if path.suffix == ".md" and path.parent.name != "docs":
            for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
                assert target.startswith("http") or (path.parent / target).exists(), (
                    f"{path.name}: {target}"
                )


def test_the_readme_shows_the_published_results():
    subprocess.run([sys.executable, ROOT / "results" / "render.py", "--check"], check=True)


def test_commands_in_the_readme_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", text, re.M):
        assert f"\n{target}:" in makefile


def test_files_contain_no_machine_path_and_no_open_task():
    for path in list_tracked_files():
        if path.suffix in (".py", ".md", ".ipynb", ".yaml", ".yml", ".toml", ".json"):
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"(?<![\w.])/(home|root|work)/", text), path
            assert not re.search(r"\b(TO[D]O|FIX[M]E|XX[X])\b", text), path
