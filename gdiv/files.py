"""Text files as people's editors write them: UTF-8 with or without a mark, UTF-16, Latin-1."""

import codecs
from pathlib import Path


def read_text(path: str | Path) -> str:
    """Content of a text file, whatever its encoding.

    UTF-8 is tried first. A byte order mark is dropped; a file that is not UTF-8 is read as
    Windows-1252, the superset of Latin-1 that Western editors write.
    """
    content = Path(path).read_bytes()
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")
