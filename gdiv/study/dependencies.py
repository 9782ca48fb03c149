"""Dependencies of each notebook: code, parameters, catalog entries and the files it read.

A notebook runs again when one of these has changed, and only then. `Study` logs what a running
notebook reads; here each of those things gets a signature that changes with its content.
"""

import glob
import hashlib
import json
from pathlib import Path
from typing import Any

from gdiv.files import read_text
from gdiv.imagery.archive import local_path
from gdiv.imagery.elevation import TERRAIN_FILE
from gdiv.installation import shipped
from gdiv.study.claims import read_claims
from gdiv.study.facts import STABLE_FILES, UNSTABLE_FILE, Facts
from gdiv.study.provenance import code_hash
from gdiv.study.results import find_result
from gdiv.study.workspace import StudyError

__all__ = ["fingerprint", "recipe_hash", "shared_hash", "signatures"]

#: Files that a source provides beside its scenes.
COMPANIONS = (
    "outline.geojson", "stakes.geojson", *STABLE_FILES, UNSTABLE_FILE, TERRAIN_FILE, "NOTE.md"
)  # fmt: skip
#: Results that count by their content; others count by the notebook that made them.
TEXTS = (".csv", ".json")

State = dict[str, dict[str, Any]]


def recipe_hash(*parts: Any) -> str:
    """Hash values.

    Parameters
    ----------
    *parts : Any
        Values that JSON can hold; others count by their text.

    Returns
    -------
    str
        Sixteen hexadecimal digits.
    """
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def shared_hash(study: Facts) -> str:
    """Hash code and catalog entries, on which every notebook of a study depends.

    Other entries of the catalog are left out, so that adding a glacier reruns nothing. Stakes and
    outline of real scenes count where they are read, in `signatures`; references are for readers.

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

    A companion file counts by its content, wherever the source keeps it. Images count by size and
    time of change, because reading them all would take as long as using them.

    Parameters
    ----------
    study : Facts
        The study.

    Returns
    -------
    dict of str to str
        Signatures by the name under which reads are logged.
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
    """Compute the fingerprint of everything that the results of one notebook depend on.

    Tables, published results and claims of earlier notebooks count by their content, so that a
    result which came out the same reruns nothing. Datasets and weights count by the fingerprint of
    the notebook that made them.

    Parameters
    ----------
    study : Facts
        The study.
    state : dict
        Record of the run, as in ``run.json``.
    base : str
        Hash of the notebook and of what all notebooks depend on.
    reads : list of str
        Names of what the notebook has read.
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
            parts[name] = _content_hash(shipped("published") / f"{rest}.json")
        elif kind == "claims":
            parts[name] = _claims_hash(study.folder, rest, state, number)
        else:
            parts[name] = _result_signature(study.folder / name, state)
    return recipe_hash(base, parts)


def _claims_hash(folder: Path, start: str, state: State, number: str) -> str:
    """Hash of the claims that begin with `start` and were made by earlier notebooks."""
    earlier = [other for other in state if other.isdigit() and other < number]
    keys = [key for other in earlier for key in sorted(state[other].get("claims", []))]
    claims = read_claims(folder)
    return recipe_hash({key: claims.get(key) for key in keys if key.startswith(start)})


def _result_signature(path: Path, state: State) -> Any:
    """Signature of a result by its content, or by the notebook that made it."""
    if path.suffix in TEXTS:
        return _content_hash(path)
    try:
        maker = find_result(path.stem).maker
    except StudyError:  # a result of an earlier gdiv, which this one does not make
        return None
    return [path.exists(), state.get(maker, {}).get("fingerprint", "")]


def _content_hash(path: Path) -> str:
    """Hash of a file's content; empty if there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.is_file() else ""


def _image_states(items: Path) -> list[list[Any]]:
    """Link, name, size and time of change of the local files of an ItemCollection."""
    try:
        features = json.loads(read_text(items))["features"]
        listed = [item.get("assets") for item in features if isinstance(item, dict)]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return []  # not a collection: the notebook that reads it gives the error
    assets = [a for each in listed if isinstance(each, dict) for a in each.values()]
    links = {str(a["href"]) for a in assets if isinstance(a, dict) and "href" in a}
    states = []
    for link in sorted(links):
        if "://" in link and not link.startswith("file://"):
            continue
        path = local_path(link, items.parent)
        # Masks, statistics and overviews lie beside a file, with its name in front.
        for file in sorted(path.parent.glob(f"{glob.escape(path.name)}*")):
            if file.is_file():
                state = file.stat()
                states.append([link, file.name, state.st_size, state.st_mtime_ns])
    return states
