"""For someone with a Nuke, Non-commercial will do: tries what docs/unverified-in-nuke.md lists, and prints a page to send back.

    nuke --nc -t tests/in_nuke/check.py          # no licence needed; with one: nuke -t tests/in_nuke/check.py
    exec(open("/path/to/tests/in_nuke/check.py").read())       # in the Script Editor, in an empty script: what needs the interface

Closes the current script: each check begins with an empty one, because Non-commercial hands Python ten nodes for each script. Writes to a
temporary folder. Standard library only.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import nuke
import nuke.rotopaint as rp

try:
    CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
except NameError:  # exec in the Script Editor
    CHECKOUT = os.environ.get("XMEM_ROTO", os.getcwd())
if CHECKOUT not in sys.path:
    sys.path.insert(0, CHECKOUT)

TEN = 10
FOLDER = tempfile.mkdtemp(prefix="xmem-check-").replace("\\", "/")
SCRIPT_ENDING = ".nknc" if nuke.env.get("nc") else ".nkind" if nuke.env.get("indie") else ".nk"
results = []
handed_out = []


def check(number):
    """Run a check now, in an empty script; what it returns or raises is a line of the page."""

    def run(function):
        del handed_out[:]
        nuke.scriptClear()
        nuke.addFormat("100 100 0 0 100 100 1 xmem_check")
        nuke.tcl("knob root.format xmem_check")
        try:
            answer = function()
            results.append((number, function.__name__, "yes" if answer in (None, True) else "NO" if answer is False else str(answer)))
        except Exception as error:
            results.append((number, function.__name__, f"ERROR {type(error).__name__}: {error}"))
            traceback.print_exc()
        return function

    return run


def taken(node):
    """Count a node that Nuke handed out; past the tenth it may be None."""
    handed_out.append(node)
    if node is None or len(handed_out) > TEN:
        raise RuntimeError(f"this check wants more than {TEN} nodes")
    return node


def make(class_name, *inputs, **knobs):
    node = taken(getattr(nuke.nodes, class_name)(**knobs))
    for index, source in enumerate(inputs):
        node.setInput(index, source)
    return node


def create(class_name):
    return taken(nuke.createNode(class_name, inpanel=False))


def ground(value=0.0):
    """A picture with alpha, for a Roto to stand on: without one it has its shapes' bounding box alone, and sampling outside of it fails."""
    return make("Constant", channels="rgba", color=value, format="xmem_check")


def curves(*elements, root="{t 50 50}"):
    return "AddMode 0 0 1 0 {{v x3f99999a} {f 0} {n {layer Root {f 0} %s {a} %s}}}" % (root, " ".join("{%s}" % text for text in elements))  # noqa: UP031


def square(name="box", attributes="", transform="{t 50 50}", x=30, y=30, size=40, keys=None):
    """A square of straight sides; `keys` is the text of x of its left side over time, {px} times in front."""
    corners = ((x, y), (x + size, y), (x + size, y + size), (x, y + size))
    header = "p" if keys is None else "px " + keys[0]
    points = []
    for place, (left, bottom) in enumerate(corners):
        shown = left if keys is None or place not in (0, 3) else keys[1]
        points.append("{0 0} {%s %s} {0 0}" % (shown, bottom))  # noqa: UP031
    return "curvegroup %s 512 bezier {{cc {f 8192} {%s %s}} idem} %s {a %s}" % (name, header, " ".join(points), transform, attributes)  # noqa: UP031


def roto_of(text, under=None):
    roto = make("Roto", ground() if under is None else under)
    roto["curves"].fromScript(text)
    return roto


def row(node, y=50.5, channel="rgba.alpha", step=5, frame=None):
    at = [x + 0.5 for x in range(0, 100, step)]
    return [round(node.sample(channel, x, y) if frame is None else node.sample(channel, x, y, 1, 1, frame), 3) for x in at]


def write(node, name, channels="rgba", frame=1):
    path = FOLDER + "/" + name + ".%04d.exr"
    writer = make("Write", node, file=path, file_type="exr")
    writer["channels"].setValue(channels)
    writer["raw"].setValue(True)
    nuke.execute(writer, frame, frame, 1, nuke.views()[:1])
    return path


# --- reading files


@check(4)
def a_read_is_black_where_files_are_missing():
    read = make("Read", file=FOLDER + "/nothing.%04d.exr", first=1, last=5, on_error="black", before="black", after="black")
    return read.sample("rgba.alpha", 50, 50) == 0.0 and not read.treeHasError() or f"error state {read.treeHasError()}"


@check(5)
def reload_forgets_that_a_file_was_missing():
    read = make("Read", file=FOLDER + "/later.%04d.exr", first=1, last=5, on_error="black", raw=True)
    before = read.sample("rgba.red", 50, 50)
    write(ground(0.5), "later")
    read["reload"].execute()
    after = read.sample("rgba.red", 50, 50)
    return (before, round(after, 3)) == (0.0, 0.5) or f"{before} then {after}"


@check(6)
def a_read_shows_a_layer_of_an_exr_under_its_name():
    nuke.Layer("xmem_check_layer", ["xmem_check_layer.alpha"])
    layered = make("AddChannels", ground(), channels="xmem_check_layer", color=0.5)
    read = make("Read", file=write(layered, "layered", "all"), first=1, last=1, raw=True)
    found = [name for name in read.channels() if "xmem_check" in name]
    return round(read.sample("xmem_check_layer.alpha", 50, 50), 3) == 0.5 or f"{found} of {read.channels()}"


@check(33)
def a_file_knob_evaluates_the_frame_it_is_given():
    read = make("Read", file=FOLDER + "/mapped.%04d.exr", first=1, last=10, frame_mode="start at", frame="1001")
    return f"evaluate(1005) is {os.path.basename(read['file'].evaluate(1005))}"


@check(34)
def the_range_of_a_read_that_starts_elsewhere():
    read = make("Read", file=FOLDER + "/mapped.%04d.exr", first=1, last=10, frame_mode="start at", frame="1001")
    return f"firstFrame {read.firstFrame()}, lastFrame {read.lastFrame()}"


@check(46)
def the_file_name_of_a_read_is_filtered_and_stays_relative():
    wanted = lambda name: name.replace("xmem_alias", FOLDER)  # noqa: E731
    read = make("Read", file="xmem_alias/a.%04d.exr")
    relative = make("Read", file="some/where/a.%04d.exr")
    nuke.addFilenameFilter(wanted)
    try:
        return f"{nuke.filename(read)} | {nuke.filename(relative)}"
    finally:
        nuke.removeFilenameFilter(wanted)


@check(47)
def a_render_that_lacks_a_file_names_it():
    read = make("Read", file=FOLDER + "/lacking.%04d.exr", first=1, last=5)
    try:
        write(make("TimeOffset", read, time_offset=2), "offset", frame=5)
    except RuntimeError as error:
        return "lacking.0003.exr" in str(error) or str(error)
    return "no error"


@check(86)
def a_read_says_what_its_own_choice_asks_for_and_a_switch_needs_only_the_chosen_input():
    name = "[if {[value on_error] eq {error}} {concat no mattes yet}]"
    # Written at another frame than its own, where it holds.
    unmade = make("Read", file=name, file_type="exr", first=3, last=5, on_error="error", raw=True)
    switch = make("Switch", ground(0.5), unmade)
    chosen = round(row(switch)[0], 3)
    switch["which"].setValue(1)
    try:
        write(switch, "unmade")
    except RuntimeError as error:
        return (chosen, "no mattes yet" in str(error)) == (0.5, True) or f"{chosen}, and {error}"
    return f"{chosen}, and no error"


@check(88)
def a_range_that_ends_nowhere_costs_what_a_short_one_does():
    name = write(ground(0.5), "wide")
    took = []
    for last in (100, 10000000):
        read = make("Read", file=name, first=-last, last=last, before="hold", after="hold", raw=True)
        began = time.time()
        below = make("Grade", read)
        row(below)
        assert (below.firstFrame(), below.lastFrame()) == (-last, last)
        took.append(time.time() - began)
    return took[1] < took[0] + 0.2 or f"{took[0]:.3f} s, and {took[1]:.3f} s"


@check(89)
def a_node_inside_of_a_group_sees_the_range_of_the_groups_input_and_nothing_where_there_is_none():
    group = make("Group")
    with group:
        make("Input")
        seen = make("FrameRange", first_frame=0, last_frame=0)
    for knob in ("first_frame", "last_frame"):
        asked = f"[list value parent.input.{knob}]"
        seen[knob].setExpression(f"[if [catch {asked}] [list expr -1] {asked}]")
    alone = [seen[knob].value() for knob in ("first_frame", "last_frame")]
    group.setInput(0, make("FrameRange", ground(0.5), first_frame=7, last_frame=9))
    below = [seen[knob].value() for knob in ("first_frame", "last_frame")]
    return (alone, below) == ([-1, -1], [7, 9]) or f"alone {alone}, below 7-9 {below}"


@check(90)
def a_full_name_behind_root_is_found_in_the_context_of_another_group():
    make("NoOp", name="Wanted")
    with make("Group"):
        plain, full = nuke.toNode("Wanted"), taken(nuke.toNode("root.Wanted"))
    return (plain is None and full is not None) or f"plain {plain}, behind root {full}"


@check(93)
def a_node_inside_of_one_group_sees_what_is_inside_of_another_by_name_and_nothing_where_there_is_none():
    with make("Group", name="Wanted"):
        make("FrameRange", first_frame=7, last_frame=9, name="Inner")
    with make("Group"):
        seen = make("FrameRange")
    for knob, name in (("first_frame", "Wanted"), ("last_frame", "Gone")):
        asked = f"value root.{name}.Inner.{knob}"
        seen[knob].setExpression(f"[if [catch {{if {{![string equal a a]}} {{error none}}; {asked}}}] {{expr -1}} {{{asked}}}]")
    found = [seen[knob].value() for knob in ("first_frame", "last_frame")]
    return found == [7, -1] or f"found {found}"


@check("Read in brackets")
def a_read_whose_name_is_in_brackets_obeys_its_range():
    group = make("Group")
    group.readKnobs("addUserKnob {20 User}\naddUserKnob {2 mattes l mattes}\nmattes " + write(ground(0.5), "bracket"))
    with group:
        read = make("Read", file="[value parent.mattes]", first=2, last=3, before="black", after="black", on_error="black", raw=True)
    return f"outside its range: {read.sample('rgba.red', 50, 50):.3f} (0 is obeyed)"


# --- hashes


@check("hashes")
def lines_of_show_info():
    grade = make("Grade", ground(0.5))
    before = list(grade.opHashes())
    grade.forceValidate()
    grade.metadata("", 7)
    lines = [line.strip() for line in str(nuke.showInfo(grade)).splitlines() if "hash" in line]
    return f"before {before}, after {[format(op_hash & (1 << 64) - 1, 'x') for op_hash in grade.opHashes()]}, lines {lines}"


# --- roto: everything over a Constant


@check(9)
def matrices_are_row_major_with_the_layer_outside():
    layer = "layer turned {f 512} {t 50 50 0 10 5 0 0 0 30 1.5 1.5} {a} {%s}" % square("box", "", "{t 45 45 0 7 0}")  # noqa: UP031
    roto = roto_of(curves(layer, root="{t 50 50 0 3 0}"))
    root = roto["curves"].rootLayer
    point = root[0][0][0].center.getPosition(1)
    corner = [point[0], point[1]]
    for element in (root[0][0], root[0], root):
        matrix = element.getTransform().evaluate(1).getMatrix()
        corner = [round(matrix[4 * k] * corner[0] + matrix[4 * k + 1] * corner[1] + matrix[4 * k + 3], 2) for k in (0, 1)]
    inside = [round(roto.sample("rgba.alpha", corner[0] + dx, corner[1] + dy), 2) for dx in (-3, 3) for dy in (-3, 3)]
    return f"we say {corner}; around it Nuke draws {inside}, row {row(roto)}"


@check(11)
def where_the_overall_feather_ends():
    return f"fx 10 fy 0: {row(roto_of(curves(square(attributes='fx 10 fy 0'))), step=2)}"


@check(12)
def bsplines_in_text_and_in_the_api():
    text = "curvegroup spline 512 bspline {{cc {f 8192} {px 1 {10 10} {40 10} {40 40} {10 40}}} idem} {t 25 25} {a}"
    point = roto_of(curves(text))["curves"].toElement("spline")[0]
    at = lambda control: tuple(round(control.getPosition(1)[axis], 3) for axis in (0, 1))  # noqa: E731
    roto = make("Roto")
    roto["curves"].rootLayer.append(rp.Shape(roto["curves"], (10, 10), (40, 10), (40, 40), type="bspline"))
    return f"{at(point.center)} {at(point.leftTangent)} {at(point.rightTangent)}; written: {roto['curves'].toScript()[:200]}"


@check(14)
def a_roto_copied_as_text_gives_the_same_picture():
    roto = roto_of(curves(square(attributes="fx 4 fy 4 opc 0.5", transform="{t 50 50 0 3 2 0 0 0 20}")))
    twin = roto_of(roto["curves"].toScript())
    return row(roto) == row(twin) or f"{row(roto)} {row(twin)}"


@check(15)
def a_roto_over_black_renders_the_shapes_alone():
    shuffle = make("Shuffle", ground(0.25))
    for name in ("red", "green", "blue", "alpha"):
        shuffle[name].setValue("black")
    text = curves(square(attributes="opc 0.5"))
    over, alone = roto_of(text, shuffle), roto_of(text)
    return row(over) == row(alone) or f"{row(over)} {row(alone)}"


@check(26)
def a_shape_that_crosses_itself():
    outline = "curvegroup crossing 512 bezier {{cc {f 8192} {p %s}} idem} {t 50 50} {a}"
    corners = lambda points: " ".join("{0 0} {%d %d} {0 0}" % point for point in points)  # noqa: E731, UP031
    bow = outline % corners(((10, 10), (90, 90), (90, 10), (10, 90)))
    double = outline % corners(((20, 20), (80, 20), (80, 80), (20, 80)) * 2)
    return f"bow at 20.5: {row(roto_of(curves(bow)), y=20.5)}; twice round, inside: {roto_of(curves(double)).sample('rgba.alpha', 50, 50)}"


@check(27)
def feather_falloff_and_types():
    rows = ["%s %s" % (extra, row(roto_of(curves(square(attributes="fx 20 fy 20 " + extra))), step=2)[35:48]) for extra in ("ff 1", "ff 2")]  # noqa: UP031
    return " | ".join(rows)


@check(27)
def feather_types_of_a_ramp():
    return " | ".join(f"ft {kind} {row(roto_of(curves(square(attributes=f'fx 20 fy 20 ft {kind}'))), step=2)[35:48]}" for kind in (1, 2, 3))


@check(28)
def opacity_of_a_layer():
    layer = "layer body {f 512} {t 50 50} {a opc 0.5} {%s}" % square(attributes="opc 0.5")  # noqa: UP031
    return f"layer .5 over shape .5: {roto_of(curves(layer)).sample('rgba.alpha', 50, 50):.3f}"


@check(28)
def blending_at_partial_cover():
    samples = []
    for mode in (2, 7, 12):
        roto = roto_of(curves(square("half", f"bm {mode} opc 0.5")), ground(0.5))
        samples.append(f"bm {mode}: {roto.sample('rgba.alpha', 50, 50):.3f}")
    return "opacity .5 over .5: " + ", ".join(samples)


@check(29)
def skew_and_extra_matrix_beside_rotation():
    extra = " ".join(map(str, (1, 0.2, 0, 5, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1)))
    text = curves(square(transform="{t 50 50 0 0 0 0 0 0 30 1.5 1 1 0.3 0 0 0 0 0 0 %s}" % extra))  # noqa: UP031
    roto = roto_of(text)
    matrix = roto["curves"].rootLayer[0].getTransform().evaluate(1).getMatrix()
    return "matrix " + " ".join(f"{matrix[index]:.4f}" for index in range(16))


@check(30)
def open_splines():
    line = "curvegroup o 1049088 bezier {{cc {f 1056800} {p {0 0} {20 50} {0 0} {0 0} {80 50} {0 0}}} idem} {t 50 50} {a osw 10 osf %d}"
    column = lambda roto: [round(roto.sample("rgba.alpha", 50.5, y + 0.5), 3) for y in range(36, 66, 2)]  # noqa: E731
    return f"falloff 0 {column(roto_of(curves(line % 0)))}, 1 {column(roto_of(curves(line % 1)))}"


@check(31)
def shapes_outside_of_the_format():
    crop = make("Crop", ground(), box=(-50, -50, 150, 150), crop=False)
    roto = roto_of(curves(square(x=-30, y=30)), crop)
    return f"clip {roto['cliptype'].value()}: at -10 {roto.sample('rgba.alpha', -10, 50):.3f}, bbox {roto.bbox().x()}"


@check(32)
def codes_of_keys_in_text():
    codes = []
    for code in ("", " 0", " 1", " 2", " 256", " 257", " 258"):
        keys = ("{1 50 100}", "{{0 0 1 0 1%s} {20 0 1 0 1%s} {30 0 1 0 1%s}}" % (code, code, code))  # noqa: UP031
        roto = taken(nuke.nodes.Roto()) if len(handed_out) < TEN else None
        if roto is None:
            break
        roto["curves"].fromScript(curves(square(keys=keys)))
        curve = roto["curves"].rootLayer[0][0].center.getPositionAnimCurve(0)
        codes.append(
            f"[{code.strip() or 'none'}] type {curve.getKey(1).interpolationType} 25: {curve.evaluate(25):.3f} 75: {curve.evaluate(75):.3f}"
        )
    return "; ".join(codes)


@check(32)
def how_keys_are_written_to_text():
    roto = make("Roto")
    shape = rp.Shape(roto["curves"], (10, 10), (20, 10), (20, 20))
    roto["curves"].rootLayer.append(shape)
    shape = roto["curves"].rootLayer[0]
    for at, value in ((1, 0.0), (50, 20.0), (100, 100.0)):
        shape[0].center.addPositionKey(at, (value, 10.0))
    shape[0].center.getPositionAnimCurve(0).getKey(1).interpolationType = 1
    roto["curves"].changed()
    return roto["curves"].toScript()[:400]


@check(32)
def values_13_to_18_of_a_transform():
    matrices = []
    for index in range(12, 19):
        roto = taken(nuke.nodes.Roto()) if len(handed_out) < TEN else None
        if roto is not None:
            words = ["50", "50", "0"] + ["0"] * 6 + ["1", "1", "1"] + ["0"] * 7
            words[index] = "0.5"
            roto["curves"].fromScript(curves(square(transform="{t " + " ".join(words) + "}")))
            matrix = roto["curves"].rootLayer[0].getTransform().evaluate(1).getMatrix()
            matrices.append(f"{index}: " + " ".join(f"{matrix[place]:.3f}" for place in (0, 1, 3, 4, 5, 7)))
    return "; ".join(matrices)


@check(36)
def undo_takes_back_a_key_made_through_rotopaint():
    if not nuke.GUI:
        return "needs the interface: Undo does nothing under -t"
    keyed = roto_of(curves(square()))
    nuke.Undo.begin()
    nuke.Undo.name("xmem check")
    keyed["curves"].rootLayer[0][0].center.addPositionKey(5, (11, 11))
    keyed["curves"].changed()
    nuke.Undo.end()
    nuke.Undo.undo()
    times = list(keyed["curves"].rootLayer[0][0].center.getControlPointKeyTimes())
    return 5 not in times or f"keys {times}"


# --- the tab Matte and the views


def spot(value=1.0):
    """A white square of 20 pixels on black, in alpha, whose bounding box is the square alone."""
    box = make("Crop", ground(value), box=(40, 40, 60, 60))
    box["crop"].setValue(False)
    return box


@check(59)
def a_channel_knob_follows_another_by_an_expression():
    group = make("Group")
    with group:
        first = make("Blur", ground(), name="first", channels="alpha")
        second = make("Blur", first, name="second")
        second["channels"].fromScript("{{{parent.first.channels}}}")
    return f"{second['channels'].toScript()} gives {second['channels'].value()}"


@check(60)
def a_copy_onto_nothing_has_the_whole_box():
    nothing = make("Remove", ground())
    wide = make("Copy", nothing, spot(), channels="all")
    inverted = make("Invert", wide, channels="all")
    seen = [round(inverted.sample("rgba.alpha", x, 50), 3) for x in (10, 50)]
    return seen == [1.0, 0.0] or f"{seen}"


@check(61)
def filter_erode_grows_below_zero():
    wide = make("Copy", make("Remove", ground()), spot(), channels="all")
    grown = make("FilterErode", wide, channels="all", size=-3)
    seen = [round(grown.sample("rgba.alpha", x + 0.5, 50.5), 3) for x in (35, 37, 39, 41)]
    return seen == [0.0, 1.0, 1.0, 1.0] or f"{seen}"


@check(62)
def what_a_read_does_outside_its_range_can_be_an_expression():
    read = make("Read", file=write(ground(0.5), "held", frame=3), first=3, last=3, raw=True)
    seen = []
    for text in ("3", "0"):
        read["before"].setExpression(text)
        seen.append(round(read.sample("rgba.alpha", 50, 50, 1, 1, 1), 3))
    return seen == [0.0, 0.5] or f"black, then held: {seen}"


@check(63)
def a_grade_is_masked_by_a_channel_of_its_input():
    plate = make("Copy", ground(0.5), spot(), channels="none")
    tint = make("Grade", plate, multiply=0.5, black_clamp=False)
    tint["maskChannelInput"].setValue("rgba.alpha")
    seen = [round(tint.sample("rgba.red", x, 50.5), 3) for x in (10, 50)]
    return seen == [0.5, 0.25] or f"{seen}"


@check(69)
def cryptomatte_picks_a_shape_of_a_pass_by_its_name():
    nuke.pluginAddPath(os.path.join(CHECKOUT, "gizmos"))
    made = create("XMemPass")  # as Make passes makes it
    made["mattes"].setValue(CHECKOUT.replace("\\", "/") + "/tests/in_nuke/cryptomatte.%04d.exr")
    made["first"].setValue(1)
    made["last"].setValue(1)
    taken(made.node("Kept"))["channels2"].setValue("XMemRoto00")
    known = {str(key): str(value) for key, value in made.metadata(time=1).items() if "cryptomatte" in str(key)}
    picker = make("Cryptomatte", made, matteList="hat")
    seen = [round(picker.sample("rgba.alpha", x, 15, 1, 1, 1), 3) for x in (5, 15, 25)]
    return seen == [0.0, 1.0, 0.0] or f"body, hat, nothing: {seen} of {made.channels()} with {known}"


@check(65)
def gui_is_known_to_expressions():
    blur = make("Blur")
    blur["size"].setExpression("$gui")
    return blur["size"].value() == float(bool(nuke.GUI)) or f"{blur['size'].value()}"


@check(68)
def a_crop_can_make_the_box_larger():
    wide = make("Crop", spot(), box=(0, 0, 100, 100))
    inverted = make("Invert", wide, channels="alpha")
    seen = [round(inverted.sample("rgba.alpha", x, 50), 3) for x in (10, 50)]
    return seen == [1.0, 0.0] or f"{seen}"


# --- groups, knobs, callbacks


@check(17)
def texts_of_knobs_tell_a_setting_from_another():
    grade = make("Grade", ground())
    before = grade["multiply"].toScript()
    grade["multiply"].setValue(0.5)
    static = grade["multiply"].toScript()
    grade["multiply"].setExpression("frame / 10")
    return len({before, static, grade["multiply"].toScript()}) == 3 or f"{before} {static}"


@check(18)
def read_knobs_adds_a_user_knob_to_a_group():
    group = make("Group")
    group.addKnob(nuke.Tab_Knob("tab"))
    group.readKnobs("addUserKnob {6 xmem_later l later +STARTLINE}\nxmem_later true")
    return group.knob("xmem_later") is not None and bool(group["xmem_later"].value())


@check(19)
def which_edition_this_is_and_what_it_counts():
    editions = " ".join(f"{name}={bool(nuke.env.get(name))}" for name in ("nc", "indie", "ple"))
    roots = [nuke.root() is None for _ in range(TEN + 2)]
    return f"{editions}; nuke.root() is None from the {roots.index(True) + 1}th time on" if True in roots else f"{editions}; root is free"


@check(20)
def working_space_is_named_in_root():
    return " | ".join(f"{name}={nuke.tcl('value root.' + name)}" for name in ("colorManagement", "OCIO_config", "workingSpaceLUT"))


@check(21)
def the_strips_knob_has_no_object_before_the_panel_opens():
    nuke.pluginAddPath(os.path.join(CHECKOUT, "gizmos"))
    node = create("XMemRoto")
    found = node["strip"].getObject() if hasattr(node["strip"], "getObject") else "no getObject"
    return found is None or str(found)


@check(23)
def the_arguments_under_t():
    return " ".join(sys.argv) or "none"


@check(35)
def a_link_takes_a_value_for_its_target():
    nuke.pluginAddPath(os.path.join(CHECKOUT, "gizmos"))
    node = create("XMemPass")
    node["pass"].setValue("rgba.red")
    found = taken(node.node("Picked"))["from0"].value()
    return found == "rgba.red" or found


@check(44)
def a_link_shows_the_choices_of_its_target():
    nuke.pluginAddPath(os.path.join(CHECKOUT, "gizmos"))
    knob = create("XMemPass")["on_missing"]
    return f"{type(knob).__name__} {list(knob.values()) if hasattr(knob, 'values') else knob.value()}"


@check(64)
def links_to_a_channel_and_to_a_file_inside_take_edits():
    nuke.pluginAddPath(os.path.join(CHECKOUT, "gizmos"))
    node = create("XMemRoto")
    node["matte_alpha"].setValue("rgba.red")
    node["compare_with"].setValue("/a/m.%04d.exr")
    found = [taken(node.node("InAlpha"))["from0"].value(), taken(node.node("Other"))["file"].value()]
    return found == ["rgba.red", "/a/m.%04d.exr"] or f"{found}"


@check(73)
def knobs_can_be_put_into_another_order():
    group = make("Group")
    group.readKnobs("addUserKnob {20 User}\naddUserKnob {7 first l first}\naddUserKnob {7 second l second}")
    group["first"].setValue(3)
    follower = make("Blur")
    follower["size"].setExpression(group.name() + ".first")
    for name in ("first", "second"):
        group.removeKnob(group[name])
    group.readKnobs('addUserKnob {7 second l second}\nsecond {{"first * 2"}}\naddUserKnob {7 first l first}\nfirst {{curve x1 3 x10 5}}')
    order = [name for name in group.knobs() if name in ("first", "second")]
    values = [group["first"].getValueAt(10), group["second"].getValueAt(10), follower["size"].getValueAt(10)]
    return f"order {order}; at 10 first, second and what follows first from outside: {values} (5, 10, 5 is kept)"


@check(71)
def channels_of_a_deleted_node_still_count():
    nuke.Layer("xmem_gone", ["xmem_gone.alpha"])
    nuke.delete(make("AddChannels", ground(), channels="xmem_gone"))
    return f"listed: {'xmem_gone.alpha' in nuke.channels()}, of {len(nuke.channels())}"


@check(37)
def an_input_node_depends_on_nothing_and_its_group_has_the_input():
    constant, group = ground(), make("Group")
    with group:
        inner = make("Input")
    group.setInput(0, constant)
    outside = taken(group.input(int(inner["number"].value())))
    listed = [node.name() for node in inner.dependencies()]
    return (outside is not None and outside.name() == constant.name()) and f"dependencies of the Input: {listed}"


@check(38)
def stock_nodes_can_be_made_inside_a_group():
    group = make("Group")
    with group:
        remove = make("Remove", name="xmem_inside", channels="rgb")
    return remove.fullName() == group.name() + ".xmem_inside" or f"made {remove.fullName()}"


@check(51)
def what_hangs_on_no_output_of_a_group_changes_nothing_outside():
    group = make("Group")
    with group:
        shown = ground(0.25)
        make("Output", shown)
        loose = make("Grade", shown)
    group.forceValidate()
    before = list(group.opHashes())
    loose["multiply"].setValue(3)
    group.forceValidate()
    return before == list(group.opHashes()) or f"{before} then {list(group.opHashes())}"


@check("clones")
def cloning_runs_on_create():
    seen = []
    note = lambda: seen.append(1)  # noqa: E731
    blur = make("Blur")
    nuke.addOnCreate(note, nodeClass="Blur")
    try:
        taken(nuke.clone(blur))
    finally:
        nuke.removeOnCreate(note, nodeClass="Blur")
    return f"onCreate ran {len(seen)} times"


@check(7)
def undo_knows_nothing_of_what_happens_while_it_is_disabled():
    nuke.Undo.disable()
    nuke.delete(make("NoOp", name="xmem_undo_check"))
    nuke.Undo.enable()
    return nuke.toNode("xmem_undo_check") is None


@check("cancel")
def what_a_cancelled_render_says():
    writer = make("Write", ground(0.5), file=FOLDER + "/cancelled.%04d.exr", file_type="exr")
    nuke.addAfterFrameRender(nuke.cancel)
    try:
        nuke.execute(writer, 1, 5, 1, nuke.views()[:1])
    except RuntimeError as error:
        return f"{type(error).__name__} {error.args}"
    finally:
        nuke.removeAfterFrameRender(nuke.cancel)
    return "no error"


@check(39)
def saving_and_loading_call_back_with_the_name_of_the_new_file():
    path = FOLDER + "/check_v001" + SCRIPT_ENDING
    names = []
    note = lambda: names.append(nuke.tcl("value root.name"))  # noqa: E731
    nuke.addOnScriptSave(note)
    nuke.addOnScriptLoad(note)
    try:
        nuke.scriptSaveAs(path, 1)
        nuke.scriptOpen(path)
    finally:
        nuke.removeOnScriptSave(note)
        nuke.removeOnScriptLoad(note)
    return names == [path, path] or f"{names}"


@check(41)
def the_name_of_a_script_while_it_is_loaded():
    path = FOLDER + "/loading" + SCRIPT_ENDING
    make("Blur")
    nuke.scriptSaveAs(path, 1)
    nuke.scriptClear()
    names = []
    note = lambda: names.append(nuke.tcl("value root.name"))  # noqa: E731
    nuke.addOnCreate(note, nodeClass="Blur")
    try:
        nuke.scriptOpen(path)
    finally:
        nuke.removeOnCreate(note, nodeClass="Blur")
    return f"during onCreate {['its own' if name == path else name for name in names]}"


@check(53)
def gui_counts_in_the_expression_of_an_enumeration():
    read = make("Read")
    read["on_error"].setExpression("$gui ? 1 : 0")
    return int(read["on_error"].getValue()) == int(bool(nuke.GUI)) or f"{read['on_error'].getValue()} with gui={nuke.GUI}"


@check(70)
def brackets_of_a_path_are_run_and_its_frame_number_stays():
    group = make("Group")
    group.readKnobs("addUserKnob {20 User}\naddUserKnob {1 place l place}\nplace {/a/\\[format m].%04d.exr}")
    knob = group["place"]
    text = nuke.tcl("subst", "-nobackslashes", "-novariables", "/a/[format m].%04d.exr")
    return text == "/a/m.%04d.exr" or f"{text}; the knob is a {knob.Class()} and gives {knob.getText()}"


@check(74)
def a_number_in_the_name_of_a_folder_is_filled_in_too():
    path = make("Read", file="/a/take #3/m.%04d.exr")["file"].evaluate(1001)
    return "#" not in path or f"it is not: {path}"


@check(75)
def the_projects_format_and_default_colour_spaces_are_knobs_of_root():
    black, root = make("Constant"), taken(nuke.root())
    lacking = [name for name in ("customOCIOConfigPath", "int8Lut", "int16Lut", "logLut", "floatLut") if root.knob(name) is None]
    root["format"].setValue("square_256")
    text, width = black["format"].toScript(), black.format().width()
    return not lacking and width == 256 and "256" not in text or f"Root lacks {lacking}; width {width}, text {text!r}"


@check(76)
def a_format_is_whole_in_proxy_mode_too():
    black, root = ground(), taken(nuke.root())
    root["proxy"].setValue(True)
    try:
        return black.format().width() == 100 or f"it is {black.format().width()} of 100 pixels wide"
    finally:
        root["proxy"].setValue(False)


@check(54)
def elements_come_in_the_order_of_the_text_strokes_too():
    stroke = "cubiccurve brush 512 catmullrom {cc {f 2080} {px 1 {10 10} {20 20} {30 10}}} {t 0 0} {a}"
    roto = make("RotoPaint", ground())
    roto["curves"].fromScript(curves(square("a"), stroke, square("b")))
    names = [str(element.name) for element in roto["curves"].rootLayer]
    return names == ["a", "brush", "b"] or f"{names}"


@check(55)
def a_knob_can_be_kept_out_of_presets():
    node = make("NoOp")
    node.addKnob(nuke.String_Knob("xmem_check", "check"))
    node["xmem_check"].setFlag(nuke.DONT_SAVE_TO_NODEPRESET)
    return bool(node["xmem_check"].getFlag(nuke.DONT_SAVE_TO_NODEPRESET))


@check(56)
def a_clone_shares_its_knobs_and_is_counted():
    node = make("Grade")
    clone = taken(nuke.clone(node, "", False))
    node["multiply"].setValue(3)
    return (clone["multiply"].value(), node.clones(), clone.clones()) == (3.0, 1, 1) or f"{clone['multiply'].value()} {node.clones()}"


@check(57)
def the_variables_of_a_script_are_listed_by_set():
    knob = taken(nuke.root()).knob("gsv")
    if knob is None:
        return "no variables before Nuke 16"
    knob.setGsvValue("__default__.shot", "sh010")
    return knob.value().get("__default__", {}).get("shot") == "sh010" or f"{knob.value()}"


def script_with_shot():
    """Give the knob of the script's variables, with a shot in it; None before Nuke 16."""
    knob = taken(nuke.root()).knob("gsv")
    if knob is not None:
        knob.setGsvValue("__default__.shot", "sh010")
    return knob


@check(77)
def a_file_knob_fills_in_the_variables_of_the_script():
    knob = script_with_shot()
    if knob is None:
        return "no variables before Nuke 16"
    read = make("Read")
    read["file"].setValue("/a_%{shot}/%{unknown}/m.%04d.exr")
    found = [str(read["file"].getEvaluatedValue())]
    knob.setGsvValue("__default__.shot", "sh020")
    found.append(str(read["file"].getEvaluatedValue()))
    expected = [f"/a_{shot}/%{{unknown}}/m.%04d.exr" for shot in ("sh010", "sh020")]
    return found == expected and str(read["file"].value()) == "/a_%{shot}/%{unknown}/m.%04d.exr" or f"{found}, {read['file'].value()!r}"


@check(78)
def a_bracketed_value_of_a_path_has_the_variables_filled_in():
    knob = script_with_shot()
    if knob is None:
        return "no variables before Nuke 16"
    group = make("Group")
    group.addKnob(nuke.File_Knob("mattes"))
    group.addKnob(nuke.String_Knob("range_of"))
    group["mattes"].setValue("/a_%{shot}/m.%04d.exr")
    group["range_of"].setValue("/a_sh010/m.%04d.exr")
    with group:
        read = make("Read")
    read["file"].setValue("[value parent.mattes]")
    read["last"].setExpression("[string equal [value file] [value parent.range_of]] ? 7 : 9")
    found = [(str(nuke.filename(read)), int(read["last"].value()))]
    knob.setGsvValue("__default__.shot", "sh020")
    found.append((str(nuke.filename(read)), int(read["last"].value())))
    return found == [("/a_sh010/m.%04d.exr", 7), ("/a_sh020/m.%04d.exr", 9)] or f"{found}"


@check(80)
def an_expression_tells_whether_knobs_are_split_by_view():
    root = taken(nuke.root())
    root["views"].fromScript("left #ff0000\nright #00ff00")
    node = make("Blur", label="[expression viewsplit]")
    before = node["label"].evaluate()
    node["size"].splitView("left")
    after = node["label"].evaluate()
    root["views"].fromScript("main #ffffff")
    return (float(before), float(after)) == (0.0, 1.0) or f"{before!r}, {after!r}"


@check(25)
def points_of_a_roto_can_be_keyed_for_one_view():
    root = taken(nuke.root())
    root["views"].fromScript("left #ff0000\nright #00ff00")
    try:
        roto = roto_of(curves(square()))
        for place in (0, 3):  # the left side, for one view alone
            roto["curves"].rootLayer[0][place].center.addPositionKey(1, (10, (30, 70)[place == 3]), "right")
        roto["curves"].changed()
        center = roto["curves"].rootLayer[0][0].center
        read = [round(center.getPosition(*asked)[0], 2) for asked in ((1,), (1, "left"), (1, "right"))]
        left, right = (row(make("OneView", roto, view=view)) for view in ("left", "right"))
        return f"x without a view, left, right: {read}; left {left}, right {right}; written: {roto['curves'].toScript()[:500]}"
    finally:
        root["views"].fromScript("main #ffffff")


@check(24)
def a_file_that_a_read_shows_can_be_replaced():
    shown, other = write(ground(0.25), "shown") % 1, write(ground(0.75), "other") % 1
    read = make("Read", file=shown, raw=True)
    before = read.sample("rgba.red", 50, 50)
    os.replace(other, shown)
    read["reload"].execute()
    return (before, read.sample("rgba.red", 50, 50)) == (0.25, 0.75) or f"{before} then {read.sample('rgba.red', 50, 50)}"


@check(43)
def taskkill_ends_the_processes_of_a_process():
    if sys.platform != "win32":
        return "for Windows"
    count = lambda: subprocess.run(["tasklist"], capture_output=True, text=True).stdout.upper().count("PING.EXE")  # noqa: E731
    before, shell = count(), subprocess.Popen(["cmd", "/c", "ping -n 60 127.0.0.1 >NUL"])
    time.sleep(1)
    during = count()
    subprocess.run(["taskkill", "/T", "/F", "/PID", str(shell.pid)], capture_output=True)
    time.sleep(1)
    return (during, count()) == (before + 1, before) or f"{before}, {during}, {count()}"


@check(48)
def no_knob_changes_while_a_render_runs():
    grade = make("Grade", ground(0.5))
    writer = make("Write", grade, file=FOLDER + "/still.%04d.exr", file_type="exr")
    seen = []

    def change():
        try:
            grade["white"].setValue(2)
        except ValueError:
            pass  # the script of the next check is open by now

    def note():
        if not seen:
            threading.Thread(target=nuke.executeInMainThread, args=(change,)).start()
        time.sleep(0.05)
        seen.append(grade["white"].value())

    nuke.addAfterFrameRender(note)
    try:
        nuke.execute(writer, 1, 5, 1, nuke.views()[:1])
    finally:
        nuke.removeAfterFrameRender(note)
    return seen == [1.0] * 5 or f"{seen}"


@check(85)
def clear_animated_takes_an_expression_away():
    knob = make("Switch")["which"]
    knob.setExpression("1 + 1")
    knob.clearAnimated()
    knob.setValue(1)
    return (knob.hasExpression(), int(knob.value())) == (False, 1) or f"{knob.toScript()}"


@check(92)
def the_mask_is_the_optional_input_of_a_roto():
    numbers = make("Roto").optionalInput(), make("RotoPaint").optionalInput()
    return numbers == (1, 4) or f"{numbers}"


print(f"\nXMem Roto in Nuke {nuke.NUKE_VERSION_STRING}, Python {sys.version.split()[0]}, {sys.platform}, gui={nuke.GUI}")
print(f"editions: {[name for name in ('nc', 'indie', 'ple', 'nukex', 'studio', 'assist') if nuke.env.get(name)]}")
print(f"element classes: {[cls.__name__ for cls in (rp.Layer, rp.Shape, rp.Stroke)]}")
for number, name, answer in results:
    print(f"{number!s:>16}  {answer:40}  {re.sub('_', ' ', name)}")

if nuke.GUI:
    # Three that need Nuke's own loop, and so come some seconds after the page. Leave the mouse alone until then.
    nuke.scriptClear()
    idle = []
    count_idle = lambda: idle.append(1)  # noqa: E731
    nuke.addUpdateUI(count_idle, nodeClass="Blur")
    nuke.nodes.Blur()
    nuke.nodeCopy(FOLDER + "/pasted.nk")
    nuke.nodePaste(FOLDER + "/pasted.nk")

    def tell_idle():
        nuke.removeUpdateUI(count_idle, nodeClass="Blur")
        print(f"{'40, 49':>16}  updateUI came {len(idle)} times within 5 seconds to a Blur that was made and pasted, its panel closed")
        nuke.scriptClear()
        nuke.addFormat("320 180 0 0 320 180 1 xmem_bites")
        writer = nuke.nodes.Write(file=FOLDER + "/bites.%04d.exr", file_type="exr")
        writer.setInput(0, nuke.nodes.Blur(inputs=[nuke.nodes.CheckerBoard2(format="xmem_bites")], size=20))
        threading.Thread(target=render_in_bites, args=(writer,), daemon=True).start()

    def render_in_bites(writer, bites=5, frames=2):
        """Render as the plugin does: a few frames at a time, asked for by a thread; another one asks for something small all the while."""
        times, done, ran = [], threading.Event(), []

        def one(first):
            began = time.time()
            nuke.execute(writer, first, first + frames - 1, 1, nuke.views()[:1])
            times.append((began, time.time()))

        def knock():
            while not done.wait(0.02):
                nuke.executeInMainThread(lambda: ran.append(time.time()))

        threading.Thread(target=knock, daemon=True).start()
        try:
            for number in range(bites):
                nuke.executeInMainThreadWithResult(one, (1 + number * frames,))
                time.sleep(0.05)
        finally:
            done.set()
        lived = sum(any(end <= at <= begin for at in ran) for (_, end), (begin, _) in zip(times, times[1:]))
        longest = max((end - begin for begin, end in times), default=0.0)
        line = f"in {lived} of {bites - 1} gaps between bites of a render Nuke did something else; the longest bite took {longest:.2f} s"
        nuke.executeInMainThread(print, (f"{8:>16}  {line}",))

    threading.Timer(5, nuke.executeInMainThread, (tell_idle,)).start()
