"""One writer at a time; a lock ends with its process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from xmemcore.protocol.failures import Busy
from xmemcore.shot.store.lock import locked

HOLDER = """
import sys
from pathlib import Path
from xmemcore.shot.store.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_second_writer_is_refused_with_a_sentence(tmp_path: Path, holder: subprocess.Popen) -> None:
    with pytest.raises(Busy, match="Another propagate is running for this node"), locked(tmp_path / "lock", patience_seconds=0.1):
        pass


def test_lock_of_a_killed_process_is_free(tmp_path: Path, holder: subprocess.Popen) -> None:
    holder.kill()
    holder.wait(timeout=10)
    with locked(tmp_path / "lock", patience_seconds=5):
        pass


def test_lock_can_be_taken_again(tmp_path: Path) -> None:
    for _ in range(2):
        with locked(tmp_path / "lock"):
            pass
