"""The claims of a study: keys, units and meanings.

A ``*`` in a key stands for a row, such as a matcher; ``{row}`` in the meaning is its name.
"""

from fnmatch import fnmatchcase
from typing import NamedTuple

from gdiv.study.workspace import StudyError

__all__ = ["CLAIMS", "DeclaredClaim", "find_claim", "row_claims", "row_label"]


class DeclaredClaim(NamedTuple):
    """One claim, or one per row where the key holds a ``*``."""

    key: str
    unit: str
    meaning: str


CLAIMS = (
    # 01, usable scenes
    DeclaredClaim("scenes.found", "scenes", "found in the study's seasons"),
    DeclaredClaim("scenes.used", "scenes", "whose pixels pass all checks"),
    DeclaredClaim(
        "scenes.synthetic", "1", "fraction of scenes that are synthetic: rendered, not acquired"
    ),
    # 02, from scenes to pairs
    DeclaredClaim("pairs.train", "pairs", "for training"),
    DeclaredClaim("pairs.validation", "pairs", "of the validation seasons"),
    DeclaredClaim("pairs.shift", "px", "median shift between two scenes on stable ground"),
    DeclaredClaim(
        "pairs.before", "px", "median shift of blocks of stable ground before registration"
    ),
    DeclaredClaim(
        "pairs.after", "px", "median spread of blocks of stable ground after registration"
    ),
    # 03, Horn-Schunck labels
    DeclaredClaim(
        "labels.error", "px", "mean error of Horn-Schunck labels against the truth, on ice"
    ),
    DeclaredClaim("labels.along", "%", "bias of Horn-Schunck labels along the flow"),
    DeclaredClaim("labels.bias", "px", "bias of Horn-Schunck pairs on stable ground (median)"),
    DeclaredClaim(
        "labels.stable_ground", "px", "spread of Horn-Schunck pairs on stable ground (NMAD)"
    ),
    DeclaredClaim("labels.back", "px", "median forward-backward error, on ice"),
    DeclaredClaim("labels.trusted", "1", "fraction of the glacier with a quality of at least 0.5"),
    DeclaredClaim("labels.motion", "px", "median displacement on the glacier, over pairs"),
    DeclaredClaim("labels.*.error", "px", "mean error against the truth, every fourth pair: {row}"),
    # 04, training RAFT
    DeclaredClaim("training.*.before", "px", "{row}: shipped weights, on its own test tiles"),
    DeclaredClaim("training.*.own", "px", "{row}: distance to labels, on its own test tiles"),
    DeclaredClaim(
        "training.*.labels", "px", "{row}: distance to labels, test tiles of the space split"
    ),
    DeclaredClaim("training.*.truth", "px", "{row}: mean error against the truth, the same tiles"),
    DeclaredClaim(
        "training.figure_2",
        "m/yr",
        "RMS difference of network and label, three tiles (paper: 2.45)",
    ),
    # 05, velocity from every matcher
    DeclaredClaim(
        "pairs.*.error", "px", "{row}: mean error of a single pair against the truth, on ice"
    ),
    DeclaredClaim("pairs.*.along", "%", "{row}: bias along the flow, single pairs"),
    DeclaredClaim("pairs.*.bias", "px", "{row}: bias on stable ground (median), single pairs"),
    DeclaredClaim("pairs.*.stable_ground", "px", "{row}: spread on stable ground, single pairs"),
    DeclaredClaim("pairs.*.closure", "px", "{row}: closure of triplets of scenes"),
    DeclaredClaim("motion.px_per_day", "px/day", "median speed of the ice, Horn-Schunck"),
    # 06, a year of motion
    DeclaredClaim("mosaic.*.stakes", "m/yr", "{row}: mean absolute difference from the stakes"),
    DeclaredClaim("mosaic.*.rmse", "m/yr", "{row}: root mean square error against truth, on ice"),
    DeclaredClaim("mosaic.*.rmse_low", "m/yr", "{row}: lower end of its 95 % interval"),
    DeclaredClaim("mosaic.*.rmse_high", "m/yr", "{row}: upper end of its 95 % interval"),
    DeclaredClaim("mosaic.*.along_low", "%", "{row}: lower end of the 95 % interval of the bias"),
    DeclaredClaim("mosaic.*.along_high", "%", "{row}: upper end of the 95 % interval of the bias"),
    DeclaredClaim("mosaic.*.covered_low", "1", "{row}: lower end of the 95 % interval"),
    DeclaredClaim("mosaic.*.covered_high", "1", "{row}: upper end of the 95 % interval"),
    DeclaredClaim("mosaic.*.median", "m/yr", "{row}: median error against the truth, on ice"),
    DeclaredClaim("mosaic.*.along", "%", "{row}: bias along the flow (negative: motion lost)"),
    DeclaredClaim("mosaic.*.valid", "1", "{row}: fraction of the ice that has a value"),
    DeclaredClaim("mosaic.*.nmad", "m/yr", "{row}: spread on stable ground"),
    DeclaredClaim("mosaic.*.glaft", "m/yr", "{row}: GLAFT's measure of stable ground, two sigma"),
    DeclaredClaim(
        "mosaic.*.covered",
        "1",
        "{row}: true errors within the stated sigma (0.68 if well calibrated)",
    ),
    DeclaredClaim("mosaic.speed", "m/yr", "median speed on the glacier, RAFT hybrid mosaic"),
    DeclaredClaim("mosaic.px_per_day", "px/day", "median speed on the glacier in pixels per day"),
    DeclaredClaim("mosaic.correlation_length", "m", "correlation length of the errors on ice"),
    DeclaredClaim(
        "mosaic.mean_error",
        "m/yr",
        "error of the mean speed, RAFT hybrid mosaic",
    ),
    DeclaredClaim(
        "mosaic.mean_error_systematic",
        "m/yr",
        "systematic part of the error of the mean speed, RAFT hybrid mosaic",
    ),
    DeclaredClaim(
        "mosaic.season_change",
        "%",
        "change of speed from the other season pair, RAFT hybrid against DIS",
    ),
    DeclaredClaim(
        "mosaic.pair_coverage",
        "1",
        "fraction of true errors of single pairs within one stated sigma, RAFT hybrid",
    ),
    DeclaredClaim(
        "mosaic.block_ratio",
        "1",
        "ratio of true to stated error of means over 400 to 1200 m blocks, RAFT hybrid mosaic",
    ),
    DeclaredClaim(
        "series.smooth", "1", "regularisation weight of the series, chosen by cross-validation"
    ),
    DeclaredClaim("series.closure", "m/yr", "median residual of pairs from the series, on ice"),
    # 07, maps and products
    DeclaredClaim("product.pairs", "pairs", "in the published mosaic"),
    DeclaredClaim("product.error", "m/yr", "median stated error of the published speed on ice"),
    DeclaredClaim(
        "product.gcos_goal", "1", "fraction of vectors on ice with two sigma of at most 10 m/yr"
    ),
    DeclaredClaim(
        "product.gcos_threshold",
        "1",
        "fraction of vectors on ice with two sigma of at most 100 m/yr",
    ),
    # 08, effect of the choices
    DeclaredClaim(
        "choices.one_pair", "m/yr", "RAFT hybrid, a single pair: RMS difference from {against}"
    ),
    DeclaredClaim(
        "choices.all_pairs", "m/yr", "RAFT hybrid, all {count} pairs: RMS difference from {against}"
    ),
    DeclaredClaim(
        "choices.default", "m/yr", "RAFT hybrid mosaic, default: RMS difference from {against}"
    ),
    DeclaredClaim(
        "choices.unregistered",
        "m/yr",
        "RAFT hybrid mosaic, shifts not subtracted: RMS difference from {against}",
    ),
)


def find_claim(key: str) -> DeclaredClaim:
    """Look up the declaration of a claim.

    Parameters
    ----------
    key : str
        Key of the claim. A declaration with a row matches a single part of it.

    Returns
    -------
    DeclaredClaim
        Its declaration.

    Raises
    ------
    StudyError
        If no claim has this key.

    Examples
    --------
    >>> find_claim("mosaic.raft.rmse").unit
    'm/yr'
    """
    for claim in CLAIMS:
        if fnmatchcase(key, claim.key) and key.count(".") == claim.key.count("."):
            return claim
    raise StudyError(f"no claim {key!r} is declared in gdiv/study/declared_claims.py")


def row_claims(prefix: str) -> dict[str, DeclaredClaim]:
    """Collect the claims with one value per row that begin with a prefix.

    Parameters
    ----------
    prefix : str
        First part of their keys.

    Returns
    -------
    dict of str to DeclaredClaim
        Declarations by the last part of their keys.

    Examples
    --------
    >>> list(row_claims("training"))
    ['before', 'own', 'labels', 'truth']
    """
    return {
        claim.key.rpartition(".")[2]: claim
        for claim in CLAIMS
        if claim.key.startswith(f"{prefix}.*.")
    }


def row_label(name: str) -> str:
    """Make the part of a key that denotes a row.

    Parameters
    ----------
    name : str
        Name of the row.

    Returns
    -------
    str
        The name without spaces and commas.

    Examples
    --------
    >>> row_label("on labels, space split"), row_label("raft, mean")
    ('space', 'raft-mean')
    """
    short = name.removeprefix("on labels, ").removesuffix(" split")
    return short.replace(", ", "-").replace(" ", "-")
