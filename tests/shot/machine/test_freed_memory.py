"""Memory that was freed is used again without asking the system for it."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
from xmemcore.shot.machine.freed_memory import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
block = bytearray(40_000_000)
begin = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    del block
    block = bytearray(40_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - begin)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told what to keep")
def test_freed_memory_is_used_again_without_new_pages() -> None:
    pages = {}
    for how in ("kept", "as ever"):
        run = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
        pages[how] = int(run.stdout)
    assert pages["kept"] < 1000 < 50_000 < pages["as ever"], "ten blocks of 40 MB are 97,000 pages"
