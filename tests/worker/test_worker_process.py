"""The worker as a process: spoken to over its pipes, cancelled, orphaned, abused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.processes import runs
from xmemcore.protocol.messages import (
    PROTOCOL,
    Cancel,
    Cancelled,
    Cancelling,
    Failed,
    Finished,
    FrameDone,
    Greeting,
    Leave,
    Log,
    Ping,
    Pong,
    Propagate,
    Queued,
    Started,
    decode,
    encode,
)  # fmt: skip
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.protocol.results import Cleared

PRETEND = Path(__file__).with_name("pretend_worker.py")


class Spoken:
    """A pretend worker and the lines it has said."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-I", str(PRETEND)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def say(self, message) -> None:
        self.process.stdin.write(encode(message).encode())
        self.process.stdin.flush()

    def propagate(self, job: int, behaviour: str) -> None:
        self.say(Propagate(job, PropagateRequest(plate=behaviour)))

    def hear(self):
        line = self.process.stdout.readline()
        return decode(line.decode()) if line else None

    def hear_until(self, kind, job=None):
        heard = []
        while True:
            heard.append(self.hear())
            if heard[-1] is None or (isinstance(heard[-1], kind) and (job is None or heard[-1].job == job)):
                return heard


@pytest.fixture
def worker():
    spoken = Spoken()
    yield spoken
    spoken.process.kill()
    spoken.process.communicate()


pytestmark = pytest.mark.timeout(60)


def test_worker_greets_with_its_protocol(worker):
    assert isinstance(greeting := worker.hear(), Greeting)
    assert greeting.protocol == PROTOCOL and greeting.pid == worker.process.pid


def test_finished_carries_the_result_and_every_frame_precedes_it(worker):
    worker.propagate(4, "frames")
    messages = worker.hear_until(Finished)
    assert [message.frame for message in messages if isinstance(message, FrameDone)] == list(range(1001, 1051))
    assert messages[-1] == Finished(4, Cleared())


def test_what_libraries_print_never_reaches_the_protocol(worker):
    worker.propagate(1, "chatter")
    assert worker.hear_until(Finished)[-2:] == [Log(1, "still here"), Finished(1, Cleared())]
    worker.say(Leave())
    _, errors = worker.process.communicate(timeout=20)
    for line in (b"a library says hello", b"and so does C code", b"even past sys.stdout"):
        assert line in errors


def test_cancel_of_the_running_job_is_heard_at_once_and_ends_it(worker):
    worker.propagate(1, "frames")
    worker.hear_until(FrameDone)
    asked = time.monotonic()
    worker.say(Cancel(1))
    worker.hear_until(Cancelling)
    assert time.monotonic() - asked < 1.0
    assert isinstance(worker.hear_until((Finished, Cancelled))[-1], Cancelled)


def test_cancel_of_a_waiting_job_leaves_the_running_one_alone(worker):
    worker.propagate(1, "frames")
    worker.propagate(2, "frames")
    worker.hear_until(Queued)
    worker.say(Cancel(2))
    messages = worker.hear_until(Finished)
    assert Cancelled(2) in messages and messages[-1].job == 1


def test_jobs_of_two_nodes_are_done_one_after_the_other(worker):
    worker.propagate(1, "frames")
    worker.propagate(2, "other node")
    messages = worker.hear_until(Finished, job=2)
    assert Queued(2, 1) in messages
    assert messages.index(Finished(1, Cleared())) < messages.index(Started(2))


def test_cancel_of_a_job_that_is_over_is_heard_and_harmless(worker):
    worker.propagate(1, "quick")
    worker.hear_until(Finished)
    worker.say(Cancel(1))
    assert worker.hear() == Cancelling(1)
    worker.propagate(2, "quick")
    assert worker.hear_until(Finished)[-1].job == 2


def test_ping_is_answered_while_a_job_is_stuck(worker):
    worker.propagate(1, "stuck")
    worker.hear_until(Started)
    worker.say(Ping())
    assert worker.hear() == Pong()


@pytest.mark.parametrize(
    ("behaviour", "code", "exit_code", "words"),
    [
        ("refuse", "request", 2, "Render it first"),
        ("disk full", "disk", 3, "/out/matte.1001.exr"),
        ("memory full", "memory", 3, "Lower the working size"),
        ("bug", "fault", 1, "nobody thought of this"),
    ],
)
def test_an_error_becomes_one_sentence_and_the_worker_lives_on(worker, behaviour, code, exit_code, words):
    worker.propagate(1, behaviour)
    failure = worker.hear_until(Failed)[-1]
    assert (failure.job, failure.code, failure.exit_code) == (1, code, exit_code)
    assert words in failure.sentence and "\n" not in failure.sentence
    worker.propagate(2, "quick")
    assert worker.hear_until(Finished)[-1].job == 2


@pytest.mark.parametrize(
    "line",
    ["not json", '{"kind": "sing"}', '{"kind": "cancel"}', '{"kind": "ping", "more": 1}', "[1]", '{"kind": []}', '{"kind": {}}',
     "[" * 90_000, '{"kind": "cancel", "job": {}}', "7" * 5000, "\xff\xfe"],
    ids=range(11),
)  # fmt: skip
def test_a_line_that_is_no_message_is_answered_and_passed_over(worker, line):
    worker.hear()
    worker.process.stdin.write(line.encode() + b"\n")
    worker.say(Ping())
    assert worker.hear().code == "message"
    assert worker.hear() == Pong()


def test_only_requests_are_requests(worker):
    worker.hear()
    for line in ('{"kind": "pong"}', '{"kind": "started", "job": 1}'):
        worker.process.stdin.write(line.encode() + b"\n")
        worker.say(Ping())
        failure = worker.hear()
        assert (failure.code, failure.job) == ("request", None)
        assert worker.hear() == Pong()
    worker.propagate(2, "quick")
    assert worker.hear_until(Finished)[-1].job == 2


def test_request_of_wrong_types_fails_under_its_own_number(worker):
    worker.hear()
    worker.process.stdin.write(b'{"kind": "propagate", "job": 5, "request": {"plate": ["p"]}}\n')
    worker.say(Ping())
    failure = worker.hear()
    assert (failure.job, failure.exit_code) == (5, 2) and "plate is a list, but must be text" in failure.sentence


def test_worker_whose_reading_fails_leaves(tmp_path):
    """A worker that hears nobody must not live on: here reading itself breaks."""
    text = (
        f"import sys; sys.path.insert(0, {str(PRETEND.parents[2])!r})\n"
        "import os\n"
        "from xmemcore.worker.wire import Wire\n"
        "wire = Wire.guard_stdout()\n"
        "def broken():\n"
        "    raise RuntimeError('the disk of the library is gone')\n"
        "    yield\n"
        "wire.messages = broken\n"
        "from xmemcore.worker.serve import serve\n"
        "serve(wire, lambda request, listener: {}, os.getppid())\n"
        "os._exit(0)\n"
    )
    process = subprocess.Popen([sys.executable, "-I", "-c", text], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
        process.communicate()


def test_worker_leaves_at_end_of_file_even_when_a_job_is_stuck(worker):
    worker.propagate(1, "stuck")
    worker.hear_until(Started)
    worker.process.stdin.close()
    assert worker.process.wait(5) == 0
    worker.process.stdin = None  # communicate() would flush it


@pytest.mark.skipif(sys.platform == "win32", reason="orphans are found another way on Windows")
def test_worker_leaves_within_five_seconds_when_its_parent_is_killed_and_the_pipe_stays_open(tmp_path):
    # The pipe's writing end is kept here, so end of file never comes: only the look at the parent can tell.
    read, write = os.pipe()
    parent = subprocess.Popen(
        [sys.executable, "-c", "import subprocess, sys, time\n"
         "worker = subprocess.Popen([sys.executable, '-I', sys.argv[1]], stdin=0, stdout=subprocess.PIPE)\n"
         "print(worker.stdout.readline().decode(), flush=True); time.sleep(60)", str(PRETEND)],
        stdin=read, stdout=subprocess.PIPE,
    )  # fmt: skip
    pid = json.loads(parent.stdout.readline())["pid"]
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    deadline = time.monotonic() + 5.0
    while runs(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    os.close(write)
    assert not runs(pid)
