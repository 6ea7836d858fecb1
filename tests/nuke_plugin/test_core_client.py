"""The plugin's end of the wire against a real process that plays, dies, hangs, or comes from another time."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.nuke_plugin.conftest import CORE_PYTHON
from xmem_roto_nuke.core import launch
from xmem_roto_nuke.core.client import Core, Patience
from xmem_roto_nuke.core.process import CoreCrashed, CoreProcess
from xmemcore.protocol.failures import MachineError, RequestError
from xmemcore.protocol.messages import Cancelled, Failed, Finished, FrameDone, Propagate, Started
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.protocol.results import Cleared, ModelEntry, ModelList

PRETEND = Path(__file__).resolve().parents[1] / "worker" / "pretend_worker.py"
PATIENCE = Patience(
    greeting_seconds=60, cancel_heard_seconds=2, cancel_done_seconds=1, ping_every_seconds=0.5, silence_seconds=1.5, leave_seconds=4
)
pytestmark = pytest.mark.timeout(60)


def program(text: str) -> list[str]:
    return [sys.executable, "-I", "-u", "-c", text]


@pytest.fixture
def core():
    client = Core(lambda: [CORE_PYTHON, "-I", str(PRETEND)], patience=PATIENCE)
    yield client
    client.close()


def ask(core: Core, behaviour: str):
    return core.ask(lambda job: Propagate(job, PropagateRequest(plate=behaviour)))


def echo(behaviour: str) -> ModelList:
    """Give the result with which the playing worker answers an unknown behaviour."""
    return ModelList((ModelEntry(behaviour, "plate", "", False),))


def test_a_job_ends_with_its_result(core):
    messages = list(ask(core, "frames"))
    assert [message.frame for message in messages if isinstance(message, FrameDone)] == list(range(1001, 1051))
    assert isinstance(messages[-1], Finished)


def test_one_core_serves_several_nodes_each_with_its_own_messages(core):
    conversations = [ask(core, "frames"), ask(core, "second node")]
    heard = [[], []]
    threads = [threading.Thread(target=lambda index=index: heard[index].extend(conversations[index])) for index in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert heard[0][-1] == Finished(1, Cleared())
    assert heard[1][-1] == Finished(2, echo("second node"))
    assert {message.job for message in heard[1]} == {2}


def test_cancel_stops_after_a_frame(core):
    conversation = ask(core, "frames")
    frames = 0
    for message in conversation:
        if isinstance(message, FrameDone):
            frames += 1
            conversation.cancel()
    assert isinstance(message, Cancelled) and 1 <= frames < 50


def test_a_core_that_does_not_stop_in_time_is_killed(core):
    conversation = ask(core, "stuck")
    with pytest.raises(MachineError, match="did not stop within"):
        for message in conversation:
            if isinstance(message, Started):
                conversation.cancel()
    assert not core.running


def test_a_crash_is_noticed_with_its_last_words_and_the_next_press_starts_a_new_core(core):
    with pytest.raises(CoreCrashed, match="code 77.*about to fall over"):
        list(ask(core, "die"))
    assert list(ask(core, "again"))[-1] == Finished(2, echo("again"))


def test_a_killed_core_ends_every_conversation(core):
    conversation = ask(core, "stuck")
    waiting = ask(core, "frames")
    os.kill(core.pid, 9)
    for talk in (conversation, waiting):
        with pytest.raises(CoreCrashed, match="signal 9"):
            list(talk)


def test_lines_that_are_no_messages_do_not_disturb(core):
    assert isinstance(list(ask(core, "chatter"))[-1], Finished)


SPEAKS = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from xmemcore.protocol.messages import PROTOCOL, Finished, Greeting, encode
from xmemcore.protocol.results import Cleared
sys.stdout.write(encode(Greeting(PROTOCOL, "1", 1, "3.11")))
sys.stdout.flush()
sys.stdin.readline()
sys.stdout.write(Path(sys.argv[2]).read_text() + "\\n")
sys.stdout.write(encode(Finished(1, Cleared())))
sys.stdout.flush()
sys.stdin.read()
"""


@pytest.mark.parametrize(
    "lines",
    ['{"kind": []}\n{"kind": {}}\n{"kind": "pong"}\n{"kind": "started", "job": 1}', "[" * 99_000,
     '{"kind": "finished", "job": [1], "result": {}}',
     '{"kind": "finished", "job": 1, "result": 5}', "9" * 5000, "x" * 3_000_000,
     '{"kind": "propagate", "job": 1, "request": {"plate": 1}}'],
    ids=range(7),
)  # fmt: skip
def test_no_line_can_deafen_the_plugin(lines, tmp_path):
    (tmp_path / "lines.txt").write_text(lines)
    core = Core(lambda: [*program(SPEAKS), str(PRETEND.parents[2]), str(tmp_path / "lines.txt")], patience=PATIENCE)
    try:
        assert list(ask(core, "anything"))[-1] == Finished(1, Cleared())
    finally:
        core.close()


def test_plugin_whose_reading_fails_says_so(core, monkeypatch):
    def broken(self, line):
        raise RuntimeError("no memory for a line")

    monkeypatch.setattr(CoreProcess, "_route", broken)
    with pytest.raises(CoreCrashed, match="no memory for a line"):
        list(ask(core, "frames"))


def test_failure_comes_with_its_sentence(core):
    assert list(ask(core, "refuse"))[-1] == Failed(1, "request", "Frame 1001 is missing. Render it first.", 2)


def test_a_long_job_is_not_taken_for_silence(core):
    conversation = ask(core, "stuck")
    heard = []
    listener = threading.Thread(target=lambda: heard.extend(iter_until_killed(conversation)), daemon=True)
    listener.start()
    time.sleep(4.0)  # several pings and more than the permitted silence
    assert listener.is_alive() and core.running


def iter_until_killed(conversation):
    try:
        yield from conversation
    except (CoreCrashed, MachineError):
        return


def test_a_process_that_is_stopped_counts_as_lost(core):
    import signal

    conversation = ask(core, "stuck")
    os.kill(core.pid, signal.SIGSTOP)
    with pytest.raises(MachineError, match="no sign of life"):
        list(conversation)


GREETING = '{{"kind": "greeting", "protocol": {}, "version": "9.9", "pid": 1, "python": "3.11", "mood": "fine"}}'


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        (f"import time; print('{GREETING.format(99)}'); time.sleep(60)", RequestError, "version 9.9 and speaks protocol 99"),
        ("import time; print('Hello!'); time.sleep(60)", RequestError, "Hello!"),
        ("import time; time.sleep(60)", MachineError, "did not greet within 0.7 s"),
        ("raise SystemExit('no torch here')", CoreCrashed, "code 1.*no torch here"),
    ],
)
def test_a_wrong_beginning_is_refused_and_leaves_no_process(text, error, words):
    core = Core(lambda: program(text), patience=Patience(greeting_seconds=0.7 if error is MachineError else 60))
    with pytest.raises(error, match=words):
        ask(core, "frames")
    assert not core.running


def test_close_leaves_no_process(core):
    list(ask(core, "quick"))
    pid = core.pid
    core.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_core_starts_in_an_environment_without_nukes_python(monkeypatch):
    monkeypatch.setenv("PYTHONHOME", "/usr/local/Nuke16.0v5")
    monkeypatch.setenv("PYTHONPATH", "/usr/local/Nuke16.0v5/pythonextensions")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/usr/local/Nuke16.0v5")
    monkeypatch.setenv("XMEM_ROTO_CACHE", "/fast/cache")
    environment = launch.clean_environment()
    assert not any(name.startswith("PYTHON") or name == "LD_LIBRARY_PATH" for name in environment)
    assert environment["XMEM_ROTO_CACHE"] == "/fast/cache"
    core = Core(lambda: [CORE_PYTHON, "-I", str(PRETEND)], patience=PATIENCE)
    assert isinstance(list(ask(core, "quick"))[-1], Finished)
    core.close()


def test_the_real_worker_greets_through_the_plugins_own_command_line():
    core = Core(lambda: launch.worker_command(Path(CORE_PYTHON)))
    assert list(core.ask(lambda job: Propagate(job, PropagateRequest(plate="/nowhere/plate.%04d.exr", roto="/nowhere/roto.json"))))
    assert core.running
    core.close()


@pytest.mark.parametrize("value", ["", "/nowhere/python"])
def test_a_missing_core_is_refused_with_the_way_to_make_it(value, monkeypatch, tmp_path):
    monkeypatch.setattr(launch, "CHECKOUT", tmp_path)
    with pytest.raises(launch.CoreMissing, match="bootstrap.py|XMEM_ROTO_PYTHON"):
        launch.interpreter({"XMEM_ROTO_PYTHON": value})
    assert launch.interpreter({"XMEM_ROTO_PYTHON": sys.executable}) == Path(sys.executable)


def test_a_core_that_finds_no_memory_to_start_in_asks_for_no_new_set_up(monkeypatch):
    def full(*_, **__):
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr("subprocess.Popen", full)
    with pytest.raises(MachineError, match="The memory is full"):
        CoreProcess([sys.executable], {}, None)
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: (_ for _ in ()).throw(OSError(8, "Exec format error")))
    with pytest.raises(CoreCrashed, match="Exec format error. Run the set-up again"):
        CoreProcess([sys.executable], {}, None)
