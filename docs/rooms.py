"""Rooms and arrows: packages and modules of gdiv, and the imports between them.

``python docs/rooms.py [FOLDER]`` counts them for the package in FOLDER (``gdiv`` if left out), and
for each folder inside. An arrow is an import from one room into another, at any depth and also
inside functions; type-only imports count. The site draws the rooms of `gdiv` with `draw`.
"""

import ast
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parent.parent
Arrows = dict[str, set[str]]

#: From the ground up. A room imports only rooms before it.
ORDER = (
    "installation", "conventions", "version", "files", "extras", "catalog", "images",
    "imagery", "twin", "flow", "velocity", "figures", "accessor", "study", "command",
)  # fmt: skip


def imported(path: Path) -> set[str]:
    """Dotted names that a module imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def arrows(folder: Path, prefix: str) -> Arrows:
    """Rooms of a package folder, and for each the rooms beside it that it imports."""
    rooms = {
        path.stem
        for path in folder.iterdir()
        if (path.suffix == ".py" and path.stem not in ("__init__", "__main__"))
        or (path / "__init__.py").is_file()
    }
    found: Arrows = {room: set() for room in sorted(rooms)}
    for room in rooms:
        single = folder / f"{room}.py"
        modules = [single] if single.is_file() else sorted((folder / room).rglob("*.py"))
        for module in modules:
            for name in imported(module):
                if name.startswith(prefix + "."):
                    target = name.removeprefix(prefix + ".").split(".")[0]
                    if target in rooms and target != room:
                        found[room].add(target)
    return found


def circular(found: Arrows) -> list[str]:
    """Rooms of a circle of imports; empty if there is none."""
    try:
        list(TopologicalSorter(found).static_order())
    except CycleError as error:
        return list(error.args[1])
    return []


def upward(found: Arrows) -> list[str]:
    """Arrows against `ORDER`, as "from -> to"."""
    rank = {room: index for index, room in enumerate(ORDER)}
    return [
        f"{room} -> {target}"
        for room, targets in found.items()
        for target in sorted(targets)
        if rank.get(target, -1) > rank.get(room, len(ORDER))
    ]


def count(package: Path) -> None:
    """Print rooms, arrows, circles and the longest module of a package and of its folders."""
    modules = sorted(package.rglob("*.py"))
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules}
    longest = max(lines, key=lambda path: lines[path])
    print(f"{len(modules)} modules, {sum(lines.values())} lines", end="; ")
    print(f"longest {longest.relative_to(package)}, {lines[longest]}")
    folders = sorted({path.parent for path in modules})
    for folder in folders:
        relative = folder.relative_to(package.parent)
        found = arrows(folder, ".".join(relative.parts))
        if len(found) < 2:
            continue
        circle = circular(found)
        note = f"  circle: {', '.join(circle)}" if circle else ""
        number = sum(len(targets) for targets in found.values())
        print(f"{relative.as_posix():<28}{len(found):>3} rooms {number:>4} arrows{note}")
    if up := upward(arrows(package, package.name)):
        print("arrows that run back up:", ", ".join(up))


def draw(target: Path) -> None:
    """Draw the rooms of gdiv, each above all that it imports, as an SVG file."""
    import matplotlib.pyplot as plt

    found = arrows(ROOT / "gdiv", "gdiv")
    # Arrows that follow from others are left out, so that the picture can be read.
    reach: Arrows = {}
    for room in TopologicalSorter(found).static_order():
        reach[room] = set(found[room]).union(*(reach[target] for target in found[room]))
    shown = {
        room: {t for t in targets if not any(t in reach[o] for o in targets if o != t)}
        for room, targets in found.items()
    }
    level: dict[str, int] = {}
    for room in TopologicalSorter(found).static_order():
        level[room] = 1 + max((level[target] for target in found[room]), default=-1)
    place: dict[str, tuple[float, float]] = {}
    for height in set(level.values()):
        row = sorted(room for room in level if level[room] == height)
        for index, room in enumerate(row):
            place[room] = ((index + 0.5) / len(row), height)
    figure, axis = plt.subplots(figsize=(8, 0.75 * (max(level.values()) + 1)))
    box = {"boxstyle": "round,pad=0.35", "facecolor": "#eef3f8", "edgecolor": "#1b2a3a"}
    arrow = {"arrowstyle": "->", "color": "#5b7083", "shrinkA": 12, "shrinkB": 12, "lw": 0.9}
    for room, targets in shown.items():
        for below in targets:
            axis.annotate("", place[below], place[room], arrowprops=arrow)
    for room, (x, y) in place.items():
        axis.text(x, y, room, ha="center", va="center", fontsize=10, bbox=box)
    axis.set(xlim=(0, 1), ylim=(-0.5, max(level.values()) + 0.5))
    axis.set_axis_off()
    figure.savefig(target, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    count(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT / "gdiv")
