"""How often Nuke's API is called for a look, at an idle moment, in a run. A call costs 10 to 130 microseconds, as others measured."""

# ruff: noqa: UP031 -- curves text is all braces
from __future__ import annotations

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

IDLE_CALLS = 1500
"""At most, at one idle moment, however large the tree is: about 20 milliseconds."""


def big_roto(shapes: int, points: int, keys: int) -> str:
    """Curves text of that many shapes, each point keyed on that many frames from 1001 on."""
    times = " ".join(str(1001 + key) for key in range(keys))
    number = lambda value: "{%s}" % " ".join("{%d -}" % (value + key % 3) for key in range(keys))  # noqa: E731
    words = []
    for shape in range(shapes):
        corners = " ".join(
            "{0 0} {%s %s} {0 0}" % (number(shape + place % 20), number(10 + (place * 7 + shape) % 30)) for place in range(points)
        )
        words.append("{curvegroup s%d 512 bezier {{cc {f 8192} {px {%s} %s}} idem} {t 0 0} {a}}" % (shape, times, corners))
    return "{v x3f99999a} {f 0} {n {layer Root {f 0} {t 32 24} {a} %s}}" % " ".join(words)


def large_tree(stage, count: int) -> None:
    """Put that many nodes above the plate, many of them side by side."""
    nuke = stage.nuke
    merge = None
    while count > 0:
        merge = nuke.nodes.Merge2(inputs=[merge or stage.grade])
        for place in range(min(90, count - 1)):
            merge.setInput(3 + place, nuke.nodes.Grade(inputs=[stage.grade]))
        count -= 91
    stage.plate.setInput(0, merge)


@pytest.fixture
def calls(stage):
    """Count the calls of Nuke's API that something makes."""

    def count(act) -> int:
        before = stage.host.calls
        with stage.host._user_code():
            act()
        return stage.host.calls - before

    return count


def look(stage):
    from xmem_roto_nuke.handover.exchange import read_node
    from xmem_roto_nuke.staleness import look

    return look.look(read_node(stage.node))


def test_a_look_makes_no_call_for_a_point(stage, calls):
    counted = []
    for points in (4, 12):
        stage.roto["curves"].fromScript(big_roto(2, points, 3))
        counted.append(calls(lambda: look(stage)))
    assert counted[0] == counted[1]


def test_a_run_makes_no_call_for_a_point(stage, calls):
    counted = []
    stage.propagate()  # the plate is rendered now, and the core starts
    for points in (4, 60):
        stage.roto["curves"].fromScript(big_roto(2, points, 3))
        counted.append(calls(stage.propagate))
    assert abs(counted[0] - counted[1]) < 200, "one call for each of 112 more points on 3 keys would be 336; idle moments vary"


LOOK_CALLS, RUN_LOOKS = 80, 3
"""At most, for a node of the tree at a look; and looks that a run is worth beside one for each of its bites."""


def budget_of_a_look(nodes: int, shapes: int, keys: int) -> int:
    return 1000 + LOOK_CALLS * nodes + 2 * shapes * keys


def test_a_look_at_a_big_roto_and_a_large_tree_keeps_to_its_budget(stage, calls):
    """40 shapes x 30 points x 60 keys, 1,000 nodes."""
    large_tree(stage, 1000)
    stage.plate["last_frame"].setValue(1060)
    counted = []
    for points in (4, 30):
        stage.roto["curves"].fromScript(big_roto(40, points, 60))
        counted.append(calls(lambda: look(stage)))
    assert counted[0] == counted[1] < budget_of_a_look(1000, 40, 60), "no call for a point"


@pytest.mark.parametrize(("nodes", "keys"), [(20, 6), pytest.param(1000, 60, marks=[pytest.mark.exhaustive, pytest.mark.timeout(1200)])])
def test_a_run_keeps_to_its_budget(stage, calls, monkeypatch, nodes, keys):
    """40 shapes x 30 points; in the large case 60 keys and 1,000 nodes together."""
    from xmem_roto_nuke.handover import plates

    monkeypatch.setattr(plates, "BITE_SECONDS", 600.0)  # bites double; else their number is the machine's
    large_tree(stage, nodes)
    stage.plate["last_frame"].setValue(1000 + keys)
    stage.roto["curves"].fromScript(big_roto(40, 30, keys))
    counted = calls(lambda: stage.propagate(seconds=1000))
    assert "Up to date" in stage.status()
    assert counted < (RUN_LOOKS + keys.bit_length()) * budget_of_a_look(nodes, 40, keys), counted


@pytest.mark.exhaustive
def test_a_big_roto_is_read_by_few_calls(stage, calls):
    """40 shapes x 30 points x 60 keys: one point of each shape on each keyed frame, and next to nothing the second time.

    `python -m tests.costs roto` says what it takes.
    """
    from xmem_roto_nuke.handover import exchange
    from xmem_roto_nuke.node import knobs

    stage.roto["curves"].fromScript(big_roto(40, 30, 60))
    stage.roto["curves"].rootLayer  # noqa: B018 -- Nuke has it at hand, the stand-in builds it now
    settings, counted = knobs.read_settings(stage.node), []
    for _ in range(2):
        counted.append(calls(lambda: exchange.read_annotations(stage.node, settings, range(1001, 1061))))
    assert counted[0] < 40 * 60 + 1000 and counted[1] < 200, counted


@pytest.fixture
def most_at_idle(stage, calls, monkeypatch):
    """Give the most calls of an idle moment of one whole look at what is above the node."""
    from xmem_roto_nuke.panel import status
    from xmem_roto_nuke.staleness import watch

    stage.propagate()
    monkeypatch.setattr(status, "refresh", lambda *_: None)  # what follows when something has moved is no idle moment any more
    node_id = stage.node["node_id"].value()

    def look_to_the_end() -> int:
        watch.settle(stage.node)  # a change that Nuke's hashes show would end each moment before its walk
        watch._due.clear()
        # Nuke's own hashes are asked for at every moment alike, and the stand-in makes them slowly.
        most = max(calls(lambda: status.idle_look(stage.node)) for _ in range(3))
        hashes = calls(lambda: watch._input_hashes(stage.node))
        while node_id in watch._walks:
            most = max(most, hashes + calls(lambda: watch.has_moved(stage.node, node_id, validate=False)))
        return most

    return look_to_the_end


def test_an_idle_moment_costs_the_same_however_large_the_tree_and_the_roto(stage, most_at_idle):
    """One shape of 4 points and 200 nodes; then 40 shapes x 30 points x 60 keys and 1,000 nodes, together."""
    most = []
    for nodes, roto in ((200, (1, 4, 3)), (1000, (40, 30, 60))):
        large_tree(stage, nodes)
        stage.roto["curves"].fromScript(big_roto(*roto))
        most.append(most_at_idle())
    assert max(most) < IDLE_CALLS and most[1] < 1.5 * most[0], most


@pytest.mark.parametrize(("there", "growth"), [(True, 1.5), (False, 1.1)], ids=["trackers", "names of no node"])
def test_an_idle_moment_costs_the_same_however_many_nodes_the_roto_names(stage, most_at_idle, there, growth):
    for number in range(40 * there):
        stage.nuke.nodes.Grade(name=f"Tracker{number}")
    most, shapes = [], big_roto(40, 4, 1).split("{t 0 0}")
    for count in (1, 40):
        links = ["{t 0 0 0 {=Tracker%d.multiply*4 0}}" % (number % count) for number in range(40)]
        stage.roto["curves"].fromScript("".join(part for pair in zip(shapes, [*links, ""]) for part in pair))
        most.append(most_at_idle())
    assert max(most) < IDLE_CALLS and most[1] < growth * most[0], most


def test_an_idle_moment_costs_the_same_however_many_nodes_brackets_name(stage, most_at_idle):
    most = []
    for count in (1, 40):
        words = " ".join(f"[value Gone{number}.gain]" for number in range(count))
        stage.grade["maskChannelInput"].fromScript("{" + words + "}")
        most.append(most_at_idle())
    assert max(most) < IDLE_CALLS and most[1] < 1.1 * most[0], most


def test_a_walk_of_many_moments_comes_to_its_end_and_notices(stage, monkeypatch):
    from xmem_roto_nuke.staleness import watch

    large_tree(stage, 300)
    stage.propagate()
    watch._due.clear()
    stage.nuke.root()["frame"].setValue(1009)  # of which there is no hash
    stage.grade["multiply"].setValue(0.5)
    node_id = stage.node["node_id"].value()
    assert not any(watch.has_moved(stage.node, node_id, validate=False) for _ in range(3))
    assert any(watch.has_moved(stage.node, node_id, validate=False) for _ in range(200))


def test_a_run_asks_no_more_for_a_longer_shot_than_a_few_calls_a_frame(stage, calls, monkeypatch):
    from xmem_roto_nuke import host
    from xmem_roto_nuke.handover import plates

    monkeypatch.setattr(plates, "BITE_SECONDS", 60.0)
    counted, write = [], host.RunWrite()
    for frames in ("1001-1004", "1001-1010"):
        stage.grade["multiply"].setValue(0.1 * len(counted) + 0.3)
        stage.node["frame_range"].setValue(frames)
        export = plates.PlateExport(stage.plate, stage.folder / f"plate{len(counted)}", write)
        wanted = range(1001, 1005) if not counted else range(1001, 1011)
        counted.append(calls(lambda export=export, wanted=wanted: export.render(wanted, lambda *_: None, lambda: False)))
    assert counted[1] - counted[0] < 6 * 900, "bites double: one or two more, each with a look at the tree"
