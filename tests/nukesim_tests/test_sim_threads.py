"""Threads: who may touch what, the queue to the main thread, progress bars, terminal mode."""

from __future__ import annotations

import gc
import threading
import time
import weakref

import pytest
from nukesim import Deadlock, SimError, WrongThread


def in_thread(function):
    """Run in another thread; what it returned or raised."""
    box = []

    def run():
        try:
            box.append(function())
        except BaseException as error:  # noqa: BLE001 (handed to the test)
            box.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, box


def test_nodes_knobs_and_menus_are_for_the_main_thread(host):
    import nuke

    node = nuke.createNode("NoOp")
    knob = node["label"]
    curves = nuke.createNode("Roto")["curves"]
    for use in (
        lambda: nuke.createNode("NoOp"),
        node.name,
        lambda: node["label"],
        lambda: knob.setValue("x"),
        knob.value,
        lambda: nuke.message("x"),
        lambda: nuke.menu("Nuke").addMenu("x"),
        lambda: nuke.root(),
        lambda: curves.rootLayer,
        lambda: nuke.execute(node, 1, 1),
    ):
        thread, box = in_thread(use)
        thread.join()
        assert isinstance(box[0], WrongThread) and isinstance(box[0], RuntimeError)


def test_results_come_back_from_the_main_thread(host):
    import nuke

    node = nuke.createNode("NoOp")
    thread, box = in_thread(lambda: nuke.executeInMainThreadWithResult(lambda a, b: (node.name(), a, b), args=(1,), kwargs={"b": 2}))
    time.sleep(0.05)
    assert thread.is_alive()
    assert host.pump(5, until=lambda: bool(box))
    assert box == [("NoOp1", 1, 2)]
    thread.join()


def test_args_that_are_no_tuple_are_wrapped_and_errors_become_none(host):
    import nuke

    thread, box = in_thread(
        lambda: [nuke.executeInMainThreadWithResult(str, args="abc"), nuke.executeInMainThreadWithResult(lambda: 1 / 0)]
    )
    host.pump(5, until=lambda: bool(box))
    thread.join()
    assert box == [["abc", None]] and isinstance(host.printed_errors[0], ZeroDivisionError)


def test_waiting_for_oneself_is_a_deadlock(host):
    import nuke

    with pytest.raises(Deadlock):
        nuke.executeInMainThreadWithResult(lambda: 1)
    done = []
    nuke.executeInMainThread(done.append, args=(1,))
    assert done == []
    host.pump()
    assert done == [1]


def test_closing_lets_nobody_wait():
    import nukesim

    host = nukesim.start()
    import nuke

    thread, box = in_thread(lambda: nuke.executeInMainThreadWithResult(lambda: 1))
    time.sleep(0.05)
    host.close()
    thread.join(5)
    assert not thread.is_alive() and box == [None]


def test_a_closed_stand_in_is_forgotten_with_all_its_nodes():
    import nukesim

    host = nukesim.start()
    import nuke

    nuke.nodes.Roto()
    gone = weakref.ref(host)
    host.close()
    del host, nuke
    gc.collect()
    assert gone() is None, "a thousand tests in one process would fill its memory"


def test_a_closed_stand_in_may_be_collected_in_any_thread():
    import nukesim

    host = nukesim.start()
    gone = weakref.ref(host._interp)
    host.close()
    assert gone() is None, "Tcl ends the process when its interpreter is deleted in another thread than its own"
    with pytest.raises(RuntimeError, match="closed"):
        host._tcl("set a 1")
    held = [host]
    del host
    thread, _ = in_thread(held.clear)
    thread.join(5)
    assert not thread.is_alive() and not held


def test_nobody_pumps_in_terminal_mode(terminal):
    import nuke

    nuke.executeInMainThread(lambda: None)
    with pytest.raises(SimError, match="-t"):
        terminal.pump()
    with pytest.raises(RuntimeError):
        nuke.createNode("NoOp").showControlPanel()
    assert nuke.activeViewer() is None and not nuke.GUI and not nuke.env["gui"]


def test_progress_bars_may_live_in_any_thread_and_be_cancelled(host):
    import nuke

    def work():
        task = nuke.ProgressTask("Computing mattes")
        for i in range(1000):
            task.setProgress(i // 10)
            task.setMessage(f"frame {i}")
            if task.isCancelled():
                return i
            time.sleep(0.002)
        return None

    thread, box = in_thread(work)
    host.pump(5, until=lambda: any(record.open and len(record.seen) > 4 for record in host.progress_records))
    assert host.cancel_progress("mattes") == 1
    thread.join(5)
    assert isinstance(box[0], int) and host.progress_records[0].title == "Computing mattes"
    assert not host.progress_records[0].open


def test_timers_run_in_the_pump(host):
    ran = []
    host.after(0.02, lambda: ran.append(threading.current_thread()))
    host.pump()
    assert ran == []
    assert host.pump(5, until=lambda: bool(ran)) and ran == [threading.main_thread()]
