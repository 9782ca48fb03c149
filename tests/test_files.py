"""Read and replace files safely."""

import json
import os

import pytest

from gdiv import files
from gdiv.files import file_sizes, read_text, replacing, retry, short_message, write_json
from gdiv.imagery.archive import find_items
from gdiv.imagery.outlines import read_outline
from gdiv.velocity.stakes import read_stakes

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "latin-1"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_usual_encodings_are_read(encoding, tmp_path):
    (tmp_path / "NOTE.md").write_bytes("Trélaporte: schön".encode(encoding))
    assert read_text(tmp_path / "NOTE.md") == "Trélaporte: schön"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_scenes_outline_and_stakes_are_read_in_usual_encodings(
    encoding, twin, glacier, twin_folder, tmp_path
):
    for name in ("items.json", "outline.geojson", "stakes.geojson"):
        text = (twin_folder / name).read_text(encoding="utf-8").replace("Tacul", "Trélaporte")
        (tmp_path / name).write_bytes(text.encode(encoding))
    source = twin["source"].model_copy(update={"path": str(tmp_path / "items.json")})
    assert len(find_items(source, glacier, [2020, 2021, 2022])) == len(twin["items"])
    assert "Trélaporte" in set(read_stakes(tmp_path, glacier).name)
    ours = read_outline(tmp_path / "outline.geojson", glacier, twin["grid"])
    theirs = read_outline(twin_folder / "outline.geojson", glacier, twin["grid"])
    assert ours.geom_equals(theirs).all()


def test_replacing_keeps_the_old_file_if_the_block_fails(tmp_path):
    target = tmp_path / "claims.json"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(target) as partial:
        partial.write_text("half of the new")
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_replacing_exchanges_files_and_folders(tmp_path):
    target = tmp_path / "cube.zarr"
    for name in ("first", "second"):
        with replacing(target) as partial:
            assert partial.suffix == ".zarr"
            partial.mkdir()
            (partial / name).touch()
        assert [path.name for path in target.iterdir()] == [name]
    with replacing(target) as partial:
        partial.write_text("a file")
    assert target.read_text() == "a file"
    assert list(tmp_path.iterdir()) == [target]


def test_json_is_written_as_readable_text(tmp_path):
    write_json(tmp_path / "a.json", {"name": "Trélaporte"})
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"name": "Trélaporte"}
    assert "Trélaporte" in text


def test_retry_repeats_failed_reads_and_raises_the_last_failure(short_waits):
    failures = [OSError("first"), RuntimeError("second")]

    def read():
        if failures:
            raise failures.pop(0)
        return "content"

    assert retry(read) == "content"
    failures += [OSError(f"attempt {number}") for number in range(1, 9)]
    with pytest.raises(OSError, match="attempt 3"):
        retry(read)


def test_retry_does_not_repeat_other_errors():
    calls = []

    def read():
        calls.append(1)
        raise ValueError("no number")

    with pytest.raises(ValueError, match="no number"):
        retry(read)
    assert len(calls) == 1


def test_short_messages_are_one_line_without_links():
    error = OSError("cannot\nread https://host/nir.tif?sig=secret of\n/home/name " + 200 * "x")
    message = short_message(error)
    assert message.startswith("OSError: cannot read its file of its file")
    assert "secret" not in message
    assert "\n" not in message
    assert len(message) < 120


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://me:secret@host:80/a.tif", "http://host:80/a.tif"),
        ("see https://host/a?sig=secret&b=2, then go", "see https://host/a then go"),
        ("s3://bucket/a.tif", "s3://bucket/a.tif"),
        ("http://me:p@ss:w@host/a", "http://host/a"),
        ("[map](https://host/a?key=b) here", "[map](https://host/a) here"),
        ("what? me@home", "what? me@home"),
        ("'http://secret@host/x' and \"https://u:p@h\"", "'http://host/x' and \"https://h\""),
    ],
)
def test_secrets_are_removed_from_links(text, expected):
    assert files.redacted(text) == expected


def test_a_pipe_is_not_a_file(tmp_path):
    """Reading it would block forever."""
    os.mkfifo(tmp_path / "items.json")
    with pytest.raises(OSError, match="not a regular file"):
        files.read_text(tmp_path / "items.json")


def test_sizes_are_summed_over_the_files_of_a_store(tmp_path):
    (tmp_path / "cube" / "c").mkdir(parents=True)
    (tmp_path / "cube" / "zarr.json").write_bytes(b"123")
    (tmp_path / "cube" / "c" / "0").write_bytes(b"4567")
    assert sum(file_sizes(tmp_path / "cube")) == 7
    assert sum(file_sizes(tmp_path / "cube" / "zarr.json")) == 3
