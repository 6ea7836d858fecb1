"""What an artist meets every day: keys that respect locks, labels with Nuke's marks, one message for many nodes, time that is left."""

# ruff: noqa: UP031 -- curves text is all braces
from __future__ import annotations

import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.timeout(300)

CORNERS = "{0 0} {%s 10} {0 0} {0 0} {40 10} {0 0} {0 0} {25 36} {0 0}"
SHAPE = "{curvegroup %s %d bezier {{cc {f 8192} {p " + CORNERS + "}} idem} {t 25 18} {a %s}}"
TREE = "{v x3f99999a} {f 0} {n {layer Root {f 0} {t 32 24} {a} %s}}"


def keyed_on(roto, name, frame):
    shape = roto["curves"].toElement(name)
    return [frame in point.center.getControlPointKeyTimes() for point in shape]


def test_make_key_leaves_locked_hidden_and_driven_points_alone_and_says_so(stage):
    shapes = [SHAPE % ("free", 512, "10", ""), SHAPE % ("shut", 1536, "10", ""), SHAPE % ("unseen", 512, "10", "vis 0")]
    shapes.append(SHAPE % ("led", 512, "{=frame 10}", ""))
    stage.roto["curves"].fromScript(TREE % " ".join(shapes))
    stage.press("make_key")
    assert keyed_on(stage.roto, "free", 1004) == [True] * 3 and keyed_on(stage.roto, "led", 1004) == [False, True, True]
    assert not any(keyed_on(stage.roto, "shut", 1004)) and not any(keyed_on(stage.roto, "unseen", 1004))
    for sentence in ("shut is locked", "unseen is hidden", "1 point of led follow expressions"):
        assert sentence in stage.status(), stage.status()
    stage.roto["curves"].fromScript(TREE % shapes[1])
    stage.press("make_key")
    assert "Nothing was keyed on 1004: shut is locked" in stage.told[-1]


def test_the_label_keeps_the_marks_that_nukes_own_would_set(stage):
    node = stage.node
    stage.host.label(node)
    assert node["indicators"].toScript() == "0"
    node["size"].setExpression("400 + 80")
    stage.host.label(node)
    assert node["indicators"].toScript() == "2"
    node["suggest_alpha"].setAnimated()
    stage.host.label(node)
    assert node["indicators"].toScript() in ("3", '"3"')
    node["size"].splitView("main")
    stage.host.label(node)
    assert node["indicators"].toScript() == "3", "one view is no split"
    stage.host._views = ["left", "right"]
    node["label"].setValue("two views")
    stage.host.label(node)
    assert node["indicators"].toScript() == "35"


def test_the_label_of_a_clone_has_the_mark_of_clones(stage):
    clone = stage.nuke.clone(stage.node)
    for node in (stage.node, clone):
        node["label"].setValue("twin")
        stage.host.label(node)
        assert node["indicators"].toScript() == "8"


def test_several_sentences_of_one_moment_are_one_message(stage):
    from xmem_roto_nuke import host

    for number in (1, 2, 3, 3):
        host.tell_together(f"XMemRoto{number} is of version 0.1.0.")
    assert stage.host.messages == []
    assert stage.told == ["XMemRoto1 is of version 0.1.0.\nXMemRoto2 is of version 0.1.0.\nXMemRoto3 is of version 0.1.0."]


def test_progress_says_how_long_the_rest_takes(stage):
    from xmem_roto_nuke.words import Pace

    now = iter([0.0, 10.0, 20.0, 3000.0])
    pace = Pace(lambda: next(now))
    assert [pace.left(0, 10), pace.left(5, 10)] == ["", ", about 10 s left"]
    assert pace.left(6, 606) == ", about 33 min left" and pace.left(606, 606) == ""


def test_the_render_of_the_plate_says_how_long_the_rest_takes(stage, monkeypatch):
    from xmem_roto_nuke.handover import plates

    monkeypatch.setattr(plates, "BITE_SECONDS", 0.0)  # a frame at a time
    stage.propagate()
    seen = [text for bar in stage.host.progress_records for *_, text in bar.seen if "rendering the plate" in text]
    assert seen[0] == "rendering the plate" and any(
        text.startswith("rendering the plate, about") and text.endswith("left") for text in seen
    )


def test_all_that_a_core_says_to_stderr_is_kept(start, tmp_path):
    start()
    from xmem_roto_nuke.core.process import CoreCrashed, CoreProcess

    log = tmp_path / "logs" / "core-1.log"
    talk = "import sys; [print(f'line {n} ' + 'x' * 50, file=sys.stderr) for n in range(500)]; sys.exit(3)"
    with pytest.raises(CoreCrashed, match="core-1.log"):
        CoreProcess.start([sys.executable, "-c", talk], {}, 30.0, log)
    assert log.read_text().count("line") == 500


def test_a_widget_that_died_with_its_panel_is_no_fault(start):
    pytest.importorskip("PySide6")
    stage = start().build()
    from xmem_roto_nuke.panel import strip

    class Dead:
        def show_frames(self, *_):
            raise RuntimeError("Internal C++ object (Strip) already deleted.")

    knob = strip.StripKnob(stage.node)
    knob.widget = Dead()
    knob.updateValue()
    assert knob.widget is None


def test_the_diagnosis_can_be_copied(start, capsys):
    stage = start()
    from xmem_roto_nuke.core import set_up

    sentence = set_up._kept("torch 2.9 on cpu")
    path = next(stage.cache().glob("logs/diagnosis.txt"))
    assert str(path) in sentence and path.read_text() == "torch 2.9 on cpu\n" and "torch 2.9 on cpu" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("when", "reloads"), [("live", [1003, 1005, 1010]), ("after each gap", [1003, 1006, 1010]), ("at the end", [1010])]
)
def test_the_viewer_is_updated_when_the_artist_wants_it(stage, when, reloads):
    """Half a second a frame until 1006, then all at once. The artist looks at 1002, then goes to 1004, then to what is there already."""
    from xmem_roto_nuke.panel.result import Reloader, gaps_of

    frames, seen, clock = list(range(1001, 1011)), [], [0.0]
    gaps = gaps_of(frames, [1003, 1006, 1020])
    assert gaps == [[1001, 1002, 1003], [1004, 1005, 1006], [1007, 1008, 1009, 1010]]
    looks_at = lambda: 1002 if arrived[-1] < 1004 else 1004 if arrived[-1] < 1006 else 1001  # noqa: E731
    reloader = Reloader(lambda: seen.append(arrived[-1]), looks_at, when, gaps, lambda: clock[0])
    arrived = []
    for frame in frames:
        arrived.append(frame)
        clock[0] += 0.5 if frame < 1007 else 0.0
        reloader.frame_arrived(frame)
    reloader.finish()
    assert seen == reloads


def test_the_toolbar_has_an_icon_that_nuke_finds_beside_the_gizmos(start):
    stage = start()
    menu = stage.nuke.menu("Nodes").findItem("XMem Roto")
    icons = {item.icon() for item in (menu, menu.findItem("XMemRoto"))}
    assert icons == {"XMemRoto.png"} and (CHECKOUT / "gizmos" / "XMemRoto.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("edition", ["nc", "indie"])
def test_callbacks_that_come_by_themselves_take_no_node_where_nodes_are_counted(start, edition):
    stage = start(**{edition: True})
    stage.host.nodes_obtained = -1000  # while the test builds its script
    stage.build()
    stage.node.showControlPanel()
    stage.host.hostile = True  # thisNode counts
    before = stage.host.nodes_obtained
    for _ in range(3):
        stage.host.pump(0.05)
        stage.host.label(stage.node)
    stage.host.user_edit(stage.node["size"], 320)
    assert stage.host.nodes_obtained == before
    assert stage.host.label(stage.node) == "XMemRoto"


def test_more_objects_than_nuke_has_channels_for_are_refused(stage, monkeypatch):
    from xmem_roto_nuke.handover import exchange

    monkeypatch.setattr(exchange, "MOST_CHANNELS", len(stage.nuke.channels()))
    stage.propagate()
    assert "the mattes of this roto need 1 more" in stage.told[-1] and "union of all shapes" in stage.told[-1] and stage.mattes() == []


def test_a_script_without_a_place_is_said_by_every_button_that_needs_one_and_by_no_other(start):
    stage = start()
    stage.save = lambda: None
    stage.build()
    stage.press("ask_core")
    assert "The script has no place yet. Save it" in stage.told[-1]
    stage.press("refresh")
    assert len(stage.told) == 1 and "Nothing has been propagated yet" in stage.status()


def test_a_jump_on_a_node_that_cannot_be_looked_at_says_why(stage):
    bare = stage.nuke.createNode("XMemRoto")
    bare.setInput(0, None)
    bare.setInput(1, stage.roto)
    stage.press("next_key", bare)
    assert "Nothing is connected to the plate input" in stage.told[-1], "and not that nothing is keyed"
