"""Dependencies of each notebook: code, parameters, catalog entries and input files.

A notebook runs again only if one of these has changed. `Study` logs the inputs that a running
notebook reads; this module computes a signature of each input, which changes with its content.
"""

import glob
import hashlib
import json
from pathlib import Path
from typing import Any

from gdiv.files import Location, read_text
from gdiv.imagery.archive import local_path
from gdiv.imagery.elevation import TERRAIN_FILE
from gdiv.installation import shipped_path
from gdiv.study.claims import read_claims
from gdiv.study.facts import STABLE_FILES, UNSTABLE_FILE, Facts
from gdiv.study.provenance import code_hash
from gdiv.study.results import find_result, locate
from gdiv.study.workspace import StudyError

__all__ = ["fingerprint", "recipe_hash", "shared_hash", "signatures"]

#: Optional companion files beside the scenes of a source.
COMPANIONS = (
    "outline.geojson", "stakes.geojson", *STABLE_FILES, UNSTABLE_FILE, TERRAIN_FILE, "NOTE.md"
)  # fmt: skip
#: Results identified by their content; others are identified by the notebook that made them.
TEXTS = (".csv", ".json")

State = dict[str, dict[str, Any]]


def recipe_hash(*parts: Any) -> str:
    """Hash values.

    Parameters
    ----------
    *parts : Any
        Values that can be stored as JSON; others are converted to text.

    Returns
    -------
    str
        Sixteen hexadecimal digits.
    """
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def shared_hash(study: Facts) -> str:
    """Hash code and catalog entries, on which every notebook of a study depends.

    Other catalog entries are excluded, so that adding a glacier does not cause reruns. Stakes and
    outlines of real scenes are included in `signatures`, where they are read; references to
    publications are excluded as well.

    Parameters
    ----------
    study : Facts
        The study.

    Returns
    -------
    str
        Sixteen hexadecimal digits.
    """
    unused = set() if study.source.kind == "twin" else {"stakes", "outline", "dem", "references"}
    return recipe_hash(
        code_hash(),
        study.key,
        study.profile_key,
        study.glacier.model_dump(mode="json", exclude=unused),
        study.profile.model_dump(mode="json"),
        study.source.model_dump(mode="json", exclude={"path", "label"}),
    )


def signatures(study: Facts) -> dict[str, str]:
    """Compute a signature of each external input of a study.

    A companion file is identified by its content, regardless of its location. Images are identified
    by size and modification time, because hashing them would take as long as using them.

    Parameters
    ----------
    study : Facts
        The study.

    Returns
    -------
    dict of str to str
        Signatures by the name used to log reads.
    """
    signed = {name: _content_hash(study.companions / name) for name in COMPANIONS}
    for name, location in (
        ("outline.geojson", study.glacier.outline),
        (TERRAIN_FILE, study.glacier.dem),
    ):
        local = location is not None and "://" not in location
        content = _content_hash(Path(location)) if location and local else ""
        signed[name] += recipe_hash(location, content)
    signed["stakes.geojson"] += recipe_hash(study.glacier.model_dump(mode="json")["stakes"])
    twin_items = study.companions / "items.json"
    items = twin_items if study.source.kind == "twin" else study.source.path
    signed["scenes"] = ""
    if items and Path(items).is_file():
        path = Path(items)
        signed["scenes"] = recipe_hash(_content_hash(path), _image_states(path))
    return signed


def fingerprint(
    study: Facts, state: State, base: str, reads: list[str], signed: dict[str, str], number: str
) -> str:
    """Compute a fingerprint of all dependencies of the results of one notebook.

    Tables, published results and claims of earlier notebooks are identified by their content, so
    that an unchanged result does not cause reruns. Datasets and weights are identified by the
    fingerprint of the notebook that made them.

    Parameters
    ----------
    study : Facts
        The study.
    state : dict
        Record of the run, as in ``run.json``.
    base : str
        Hash of the notebook and of the dependencies common to all notebooks.
    reads : list of str
        Names of the inputs that the notebook has read.
    signed : dict
        From `signatures`.
    number : str
        Number of the notebook.

    Returns
    -------
    str
        Sixteen hexadecimal digits.
    """
    parts: dict[str, Any] = {}
    for name in sorted(reads):
        kind, _, rest = name.partition("/")
        if name in signed:
            parts[name] = signed[name]
        elif kind == "published":
            file = rest if rest.endswith(".png") else f"{rest}.json"
            parts[name] = _content_hash(shipped_path("published") / file)
        elif kind == "claims":
            parts[name] = _claims_hash(study.folder, rest, state, number)
        else:
            parts[name] = _result_signature(locate(study.folder, name), state)
    return recipe_hash(base, parts)


def _claims_hash(folder: Path, start: str, state: State, number: str) -> str:
    """Hash of the claims that begin with `start` and were made by earlier notebooks."""
    earlier = [other for other in state if other.isdigit() and other < number]
    keys = [key for other in earlier for key in sorted(state[other].get("claims", []))]
    claims = read_claims(folder)
    return recipe_hash({key: claims.get(key) for key in keys if key.startswith(start)})


def _result_signature(path: Location, state: State) -> Any:
    """Signature of a result by its content, or by the notebook that made it."""
    if isinstance(path, Path) and path.suffix in TEXTS:
        return _content_hash(path)
    try:
        maker = find_result(path.stem).maker
    except StudyError:  # a result of an earlier gdiv version that no longer exists
        return None
    return [path.exists(), state.get(maker, {}).get("fingerprint", "")]


def _content_hash(path: Path) -> str:
    """Hash of the content of a file; empty if there is no file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.is_file() else ""


def _image_states(items: Path) -> list[list[Any]]:
    """Link, name, size and modification time of the local files of an ItemCollection."""
    try:
        features = json.loads(read_text(items))["features"]
        listed = [item.get("assets") for item in features if isinstance(item, dict)]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return []  # not a collection; the notebook that reads it raises the error
    assets = [a for each in listed if isinstance(each, dict) for a in each.values()]
    links = {str(a["href"]) for a in assets if isinstance(a, dict) and "href" in a}
    states = []
    for link in sorted(links):
        if "://" in link and not link.startswith("file://"):
            continue
        path = local_path(link, items.parent)
        # Masks, statistics and overviews are companion files whose names begin with the file's.
        for file in sorted(path.parent.glob(f"{glob.escape(path.name)}*")):
            if file.is_file():
                state = file.stat()
                states.append([link, file.name, state.st_size, state.st_mtime_ns])
    return states
