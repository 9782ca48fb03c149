"""Inputs of each notebook: code, parameters, catalog entries and the files it read.

A notebook runs again when one of these has changed, and only then. `Study` lists what a running
notebook reads; here each of those things gets a signature that changes with its content.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import gdiv
from gdiv.files import read_text
from gdiv.installation import shipped
from gdiv.study import claims

COMPANIONS = ("outline.geojson", "stakes.geojson", "NOTE.md")
TEXTS = (".csv", ".json", ".geojson")


def recipe_hash(*parts: Any) -> str:
    """Sixteen hexadecimal digits that change when any part does."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def shared_hash(study) -> str:
    """Hash of what every notebook of a study depends on: the code and the catalog's entries for it.

    Other entries of the catalog are left out, so that adding a glacier reruns nothing. Stakes and
    outline of real scenes count where they are read, in `signatures`; references are for readers.
    """
    apart = set() if study.source.kind == "twin" else {"stakes", "outline", "references"}
    return recipe_hash(
        gdiv.code_hash(),
        study.key,
        study.profile_key,
        study.glacier.model_dump(mode="json", exclude=apart),
        study.profile.model_dump(mode="json"),
        study.source.model_dump(mode="json", exclude={"path", "label"}),
    )


def signatures(study) -> dict[str, str]:
    """Signature of each input of a study, by the name under which `Study` lists that it was read.

    A companion file counts by its content, wherever it lies for the kind of source. Images count
    by their size and time of change, since reading them all would take as long as using them.
    """
    signed = {name: _content(study.companions / name) for name in COMPANIONS}
    glacier = study.glacier.model_dump(mode="json")
    outline = study.glacier.outline
    local = outline and "://" not in outline
    signed["outline.geojson"] += recipe_hash(outline, _content(Path(outline)) if local else "")
    signed["stakes.geojson"] += recipe_hash(glacier["stakes"])
    items = study.companions / "items.json" if study.source.kind == "twin" else study.source.path
    if items and Path(items).is_file():
        signed["scenes"] = recipe_hash(_content(Path(items)), _images(Path(items)))
    else:
        signed["scenes"] = ""
    return signed


def fingerprint(
    study, state: dict, base: str, reads: list[str], signed: dict[str, str], number: str
) -> str:
    """Fingerprint of everything that the results of notebook `number` depend on: `base` and each thing in `reads`.

    Tables, published results and claims of earlier notebooks count by their content, so that one that
    came out the same reruns nothing. Cubes and weights count by the fingerprint of the notebook that
    made them. `state` is the record of the run, as in `run.json`.
    """
    parts = {}
    for name in sorted(reads):
        kind, _, rest = name.partition("/")
        if name in signed:
            parts[name] = signed[name]
        elif kind == "published":
            parts[name] = _content(shipped("published") / f"{rest}.json")
        elif kind == "claims":
            parts[name] = _claims(study.folder, rest, state, number)
        else:
            parts[name] = _result(study.folder / name, state)
    return recipe_hash(base, parts)


def _claims(folder, start, state, number):
    """Hash of the claims that begin with `start` and were made by notebooks before `number`."""
    earlier = [
        state[other].get("claims", []) for other in state if other.isdigit() and other < number
    ]
    made = claims.read_claims(folder)
    return recipe_hash(
        {key: made.get(key) for keys in earlier for key in sorted(keys) if key.startswith(start)}
    )


def _result(path, state):
    if path.suffix in TEXTS:
        return _content(path)
    maker = gdiv.MAKERS.get(path.stem.split("-")[0], "")
    return [path.exists(), state.get(maker, {}).get("fingerprint", "")]


def _content(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.is_file() else ""


def _images(items: Path):
    """Link, size and time of change of every local file that an ItemCollection names."""
    try:
        features = json.loads(read_text(items)).get("features", [])
        assets = [asset for item in features for asset in item.get("assets", {}).values()]
        links = {asset["href"] for asset in assets if "href" in asset}
    except (ValueError, TypeError, AttributeError):
        return []  # not a collection: the notebook that reads it gives the error
    files = {link: items.parent / link for link in links if "://" not in str(link)}
    states = {link: file.stat() for link, file in files.items() if file.is_file()}
    return [[link, states[link].st_size, states[link].st_mtime_ns] for link in sorted(states)]
