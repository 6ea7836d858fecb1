"""Every environment variable that XMem Roto looks at, with what it means; the table in docs/farm.md is made of this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

from xmemcore.protocol import farm, places


@dataclass(frozen=True)
class Variable:
    """One row of the table."""

    name: str
    reader: str
    """The program that reads it: core, plugin, both, set-up or tests."""
    meaning: str
    example: str = ""


VARIABLES: Tuple[Variable, ...] = (
    Variable(places.PYTHON_VARIABLE, "plugin", "Python of the core; unset: the checkout's `.venv`", "/opt/xmem-roto/.venv/bin/python"),
    Variable(places.CACHE_VARIABLE, "both", "root of the cache, which can be made again and is best on a fast disk", "/fast/xmem-roto"),
    Variable(places.MODELS_VARIABLE, "core", "folder of models beside the bundled one", "/studio/models"),
    Variable(places.OUTPUT_VARIABLE, "plugin", "where mattes go when a node names no place; see the user guide"),
    Variable("XMEM_ROTO_BASE_PYTHON", "set-up", "Python 3.11 that the environment is made with", "/usr/bin/python3.11"),
    Variable("XMEM_ROTO_SHARED", "tests", "folder of clips, golden cases and real scripts", "../shared"),
    Variable(places.NUKE_TEMP_VARIABLE, "both", f"where {places.CACHE_VARIABLE} is unset, the cache is in its folder `{places.NAME}`"),
    Variable("OCIO", "core", "OCIO configuration for `--colorspace ocio:NAME`; unset: OCIO's studio configuration"),
    Variable(farm.SESSION_VARIABLES[0], "both", "set by Open Job Description; progress and failures then go to stdout in its words"),
    Variable(farm.SESSION_VARIABLES[1], "both", "set by AWS Deadline Cloud; likewise"),
)

BEGIN, END = "<!-- variables: written by python -m xmemcore.protocol.environment -->", "<!-- end of variables -->"


def table() -> str:
    """Write the table in Markdown."""
    rows = [
        f"| `${variable.name}` | {variable.reader} | {variable.meaning}{f', such as `{variable.example}`' if variable.example else ''} |"
        for variable in VARIABLES
    ]
    return "\n".join(["| variable | read by | meaning |", "|---|---|---|", *rows])


def put_into(text: str) -> str:
    """Replace the table in a page; raises ValueError where its marks are missing."""
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    return f"{text[:begin]}\n\n{table()}\n\n{text[end:]}"


if __name__ == "__main__":
    import sys
    from pathlib import Path

    for name in sys.argv[1:] or ["docs/farm.md"]:
        page = Path(name)
        page.write_text(put_into(page.read_text(encoding="utf-8")), encoding="utf-8")
