"""Rooms and arrows: packages and modules of gdiv, and the imports between them.

``python docs/rooms.py [FOLDER]`` counts them for the package in FOLDER (``gdiv`` if left out), and
for each folder inside. An arrow is an import from one room into another, at any depth and also
inside functions; type-only imports count. The site draws the rooms of `gdiv` with `draw`.
"""

import ast
import sys
from graphlib import CycleError, TopologicalSorter
from itertools import combinations, permutations, product
from pathlib import Path

ROOT = Path(__file__).parent.parent
Arrows = dict[str, set[str]]

#: From the ground up. A room imports only rooms before it.
ORDER = (
    "installation", "conventions", "version", "memory", "files", "extras", "catalog", "images",
    "imagery", "twin", "flow", "velocity", "figures", "accessor", "study", "region", "benchmark",
    "command",
)  # fmt: skip

#: Columns of the picture.
COLUMNS = 3
#: Penalties of a crossing and of an arrow behind a room, in columns of sideways length.
CROSSING = 3
BEHIND = 10
#: Half of the height of a box, in rows.
HALF_HEIGHT = 0.25


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
    imports: Arrows = {room: set() for room in sorted(rooms)}
    for room in rooms:
        single = folder / f"{room}.py"
        modules = [single] if single.is_file() else sorted((folder / room).rglob("*.py"))
        for module in modules:
            for name in imported(module):
                if name.startswith(prefix + "."):
                    target = name.removeprefix(prefix + ".").split(".")[0]
                    if target in rooms and target != room:
                        imports[room].add(target)
    return imports


def circular(imports: Arrows) -> list[str]:
    """Rooms of a circle of imports; empty if there is none."""
    try:
        list(TopologicalSorter(imports).static_order())
    except CycleError as error:
        return list(error.args[1])
    return []


def upward(imports: Arrows) -> list[str]:
    """Arrows against `ORDER`, as "from -> to"."""
    rank = {room: index for index, room in enumerate(ORDER)}
    return [
        f"{room} -> {target}"
        for room, targets in imports.items()
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
        imports = arrows(folder, ".".join(relative.parts))
        if len(imports) < 2:
            continue
        circle = circular(imports)
        note = f"  circle: {', '.join(circle)}" if circle else ""
        number = sum(len(targets) for targets in imports.values())
        print(f"{relative.as_posix():<28}{len(imports):>3} rooms {number:>4} arrows{note}")
    if up := upward(arrows(package, package.name)):
        print("arrows that run back up:", ", ".join(up))


def ground(package: Path, imports: Arrows) -> list[str]:
    """Rooms of one module that import no package; any other room may import them."""
    packages = {room for room in imports if (package / room).is_dir()}
    return sorted(room for room in imports if room not in packages and not imports[room] & packages)


def reduced(imports: Arrows) -> Arrows:
    """Arrows without those that follow from others, so that a picture can be read."""
    reach: Arrows = {}
    for room in TopologicalSorter(imports).static_order():
        reach[room] = set(imports[room]).union(*(reach[target] for target in imports[room]))
    return {
        room: {t for t in targets if not any(t in reach[o] for o in targets if o != t)}
        for room, targets in imports.items()
    }


def arranged(shown: Arrows) -> dict[str, tuple[int, int]]:
    """Column and row of each room: each above all that it imports, with few crossings."""
    row: dict[str, int] = {}
    for room in TopologicalSorter(shown).static_order():
        row[room] = 1 + max((row[target] for target in shown[room]), default=-1)
    rows = [sorted(room for room in row if row[room] == y) for y in range(max(row.values()) + 1)]
    columns = range(max(COLUMNS, *map(len, rows)))
    edges = [(room, target) for room, targets in shown.items() for target in sorted(targets)]
    layouts = (
        {
            room: x
            for rooms, xs in zip(rows, choice, strict=True)
            for room, x in zip(rooms, xs, strict=True)
        }
        for choice in product(*(permutations(columns, len(rooms)) for rooms in rows))
    )
    best = min(layouts, key=lambda column: disorder(column, row, edges))
    return {room: (best[room], row[room]) for room in row}


def disorder(column: dict[str, int], row: dict[str, int], edges: list[tuple[str, str]]) -> float:
    """Penalty of a layout: crossings, arrows behind rooms, and sideways length."""

    def x_at(edge: tuple[str, str], y: float) -> float:
        above, below = edge
        slope = (column[above] - column[below]) / (row[above] - row[below])
        return column[below] + slope * (y - row[below])

    penalty = 0.0
    for above, below in edges:
        penalty += abs(column[above] - column[below])
        for other in column:
            between = row[below] < row[other] < row[above]
            if between and abs(x_at((above, below), row[other]) - column[other]) < 0.5:
                penalty += BEHIND
    for one, two in combinations(edges, 2):
        low = max(row[one[1]], row[two[1]])
        high = min(row[one[0]], row[two[0]])
        gap_below = x_at(one, low) - x_at(two, low)
        gap_above = x_at(one, high) - x_at(two, high)
        if low < high and gap_below * gap_above < 0:
            penalty += CROSSING
    return penalty


def draw(package: Path, target: Path) -> None:
    """Draw the rooms of a package, each above all that it imports, as an SVG file."""
    import matplotlib.pyplot as plt

    imports = arrows(package, package.name)
    below_all = ground(package, imports)
    shown = reduced(
        {room: imports[room] - set(below_all) for room in imports if room not in below_all}
    )
    places = arranged(shown)
    top = max(y for _, y in places.values())
    width = max(x for x, _ in places.values())
    figure, axis = plt.subplots(figsize=(6, 0.8 * (top + 2.4)))
    box = {"boxstyle": "round,pad=0.4", "facecolor": "#eef3f8", "edgecolor": "#1b2a3a"}
    arrow = {"arrowstyle": "-|>", "color": "#5b7083", "shrinkA": 0, "shrinkB": 0, "lw": 1.2}
    for room, targets in shown.items():
        for below in sorted(targets):
            start = (places[room][0], places[room][1] - HALF_HEIGHT)
            end = (places[below][0], places[below][1] + HALF_HEIGHT)
            axis.annotate("", end, start, arrowprops=arrow)
    for room, (x, y) in places.items():
        axis.text(x, y, room, ha="center", va="center", fontsize=12, bbox=box)
    band = box | {"facecolor": "#f4f1ea"}
    names = "   ".join(below_all)
    axis.text(width / 2, -1.1, names, ha="center", va="center", fontsize=11, bbox=band)
    axis.set(xlim=(-0.5, width + 0.5), ylim=(-1.5, top + 0.5))
    axis.set_axis_off()
    figure.savefig(target, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    count(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT / "gdiv")
