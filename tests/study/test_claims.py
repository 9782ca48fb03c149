"""Format claims."""

from gdiv.study import claims


def make_claim(value, meaning="a meaning"):
    return {"value": value, "unit": "m/yr", "meaning": meaning}


def test_formatted_claims_are_grouped_and_fit_a_terminal():
    matchers = ("horn-schunck-median", "raft", "zero")
    checks = ("along", "covered", "rmse", "stakes", "valid")
    made = {
        f"mosaic.{name}.{check}": make_claim(1.2345678) for name in matchers for check in checks
    }
    made |= {
        "mosaic.speed": make_claim(30.4, "a meaning that is given at length, " * 6),
        "scenes.used": make_claim(8),
    }
    groups = {"01 scenes": ["scenes.used"], "06 motion": [*made][:-1], "07 maps": []}
    lines = claims.format_claims(made, groups).splitlines()
    assert all(len(line) < 100 for line in lines) and "07 maps" not in lines
    assert [line for line in lines if line[:1].isdigit()] == ["01 scenes", "06 motion"]
    row = next(line for line in lines if line.strip().startswith("raft"))
    assert row.split() == ["raft", *["1.23"] * 5]
    assert lines[lines.index(row) - 3].split() == ["mosaic", *checks]
