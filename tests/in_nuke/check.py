"""For someone with a licence: tries in a real Nuke what docs/unverified-in-nuke.md lists, and prints a page to send back.

    nuke -t tests/in_nuke/check.py
    exec(open("/path/to/tests/in_nuke/check.py").read())       # in the Script Editor, in an empty script

Makes nodes in the current script, which it leaves for one of its own; writes to a temporary folder. Standard library only.
"""

from __future__ import annotations

import os
import sys
import tempfile
import traceback

import nuke
import nuke.rotopaint as rp

try:
    CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
except NameError:  # exec in the Script Editor
    CHECKOUT = os.environ.get("XMEM_ROTO", os.getcwd())
if CHECKOUT not in sys.path:
    sys.path.insert(0, CHECKOUT)

CURVES = (
    "AddMode 0 0 1 0 {{v x3f99999a} {f 0} {n {layer Root {f 0} {t 50 50} {a} "
    "{layer turned {f 512} {t 50 50 0 10 5 0 0 0 30 1.5 1.5} {a} "
    "{curvegroup box 512 bezier {{cc {f 8192} {px 1 {0 0} {30 30} {0 0} {0 0} {60 30} {0 0} {0 0} {60 60} {0 0} {0 0} {30 60} {0 0}}} "
    "idem} {t 45 45} {a fx 4 fy 4 opc 0.5}}} "
    "{curvegroup spline 512 bspline {{cc {f 8192} {px 1 {10 10} {40 10} {40 40} {10 40}}} idem} {t 25 25} {a}}}}}"
)
results = []


def check(number):
    """Run a check now; what it returns or raises is a line of the page."""

    def run(function):
        try:
            said = function()
            results.append((number, function.__name__, "yes" if said in (None, True) else "NO" if said is False else str(said)))
        except Exception as error:
            results.append((number, function.__name__, f"ERROR {type(error).__name__}: {error}"))
            traceback.print_exc()
        return function

    return run


folder = tempfile.mkdtemp(prefix="xmem-check-")
nuke.addFormat("100 100 0 0 100 100 1 xmem_check")
nuke.root()["format"].setValue("xmem_check")
constant = nuke.nodes.Constant(channels="rgba")
constant["format"].setValue("xmem_check")
roto = nuke.nodes.Roto()
roto["curves"].fromScript(CURVES)


def write(node, name, channels="rgba", frame=1):
    path = os.path.join(folder, name + ".%04d.exr").replace("\\", "/")
    made = nuke.nodes.Write(inputs=[node])
    made["file"].setValue(path)
    made["file_type"].setValue("exr")
    made["channels"].setValue(channels)
    made["raw"].setValue(True)
    nuke.execute(made, frame, frame, 1, nuke.views()[:1])
    nuke.delete(made)
    return path


@check(2)
def a_deleted_nodes_object_says_so():
    node = nuke.nodes.NoOp()
    nuke.delete(node)
    try:
        node.fullName()
    except ValueError as error:
        return "not attached to a node" in str(error) or f"other words: {error}"
    return False


@check(3)
def copy_of_all_channels_keeps_what_only_b_has():
    nuke.Layer("xmem_check_layer", ["xmem_check_layer.alpha"])
    nuke.Layer("xmem_check_other", ["xmem_check_other.alpha"])
    b = nuke.nodes.AddChannels(inputs=[constant], channels="xmem_check_layer", color=0.5)
    a = nuke.nodes.Remove(inputs=[nuke.nodes.AddChannels(inputs=[constant], channels="xmem_check_other", color=0.25)], channels="rgb")
    copy = nuke.nodes.Copy(inputs=[b, a], channels="all")
    found = [round(copy.sample(name, 50, 50), 3) for name in ("xmem_check_layer.alpha", "xmem_check_other.alpha")]
    return found == [0.5, 0.25] or f"B's own layer {found[0]} (0.5), A's {found[1]} (0.25)"


@check(4)
def a_read_is_black_where_files_are_missing():
    read = nuke.nodes.Read(file=folder + "/nothing.%04d.exr", first=1, last=5, on_error="black", before="black", after="black")
    return read.sample("rgba.alpha", 50, 50) == 0.0 and not read.treeHasError() or f"error state {read.treeHasError()}"


@check(5)
def reload_forgets_that_a_file_was_missing():
    read = nuke.nodes.Read(file=folder + "/later.%04d.exr", first=1, last=5, on_error="black", raw=True)
    before = read.sample("rgba.red", 50, 50)
    constant["color"].setValue(0.5)
    write(constant, "later")
    read["reload"].execute()
    after = read.sample("rgba.red", 50, 50)
    return (before, round(after, 3)) == (0.0, 0.5) or f"{before} then {after}"


@check(6)
def a_read_shows_a_layer_of_an_exr_under_its_name():
    layered = nuke.nodes.AddChannels(inputs=[constant], channels="xmem_check_layer", color=0.5)
    read = nuke.nodes.Read(file=write(layered, "layered", "all"), first=1, last=1, raw=True)
    found = [name for name in read.channels() if "xmem_check" in name]
    return round(read.sample("xmem_check_layer.alpha", 50, 50), 3) == 0.5 or f"{found} of {read.channels()}"


@check(7)
def undo_knows_nothing_of_what_happens_while_it_is_disabled():
    nuke.Undo.disable()
    node = nuke.nodes.NoOp(name="xmem_undo_check")
    nuke.delete(node)
    nuke.Undo.enable()
    return nuke.toNode("xmem_undo_check") is None


@check(9)
def matrices_are_row_major_with_the_layer_outside():
    from xmem_roto_nuke.roto import rotopaint as reader

    reading = reader.read_objects(roto["curves"], "check", one_object=False)
    names = reader.names(reading)
    shape = reading.objects[0].at(1)[0]
    corner = [round(value, 2) for value in shape["points"][0][0]]
    # By hand: (30, 30) about the pivot (50, 50), scaled 1.5, turned by 30 degrees, moved by (10, 5).
    return (names, corner) == (["turned", "spline"], [49.02, 14.02]) or f"{names} {corner}"


@check(13)
def shapes_come_topmost_first():
    return [element.name for element in roto["curves"].rootLayer] == ["turned", "spline"]


@check(12)
def bspline_points_have_no_tangents():
    spline = roto["curves"].toElement("spline")
    point = spline[0]
    at = lambda control: tuple(round(control.getPosition(1)[axis], 3) for axis in (0, 1))  # noqa: E731
    found = (at(point.center), at(point.leftTangent), at(point.rightTangent))
    return found == ((10.0, 10.0), (0.0, 0.0), (0.0, 0.0)) or str(found)


@check(14)
def a_roto_copied_as_text_gives_the_same_picture():
    twin = nuke.nodes.Roto()
    twin["curves"].fromScript(roto["curves"].toScript())
    points = [(x, y) for x in range(5, 100, 10) for y in range(5, 100, 10)]
    worst = max(abs(roto.sample("rgba.alpha", x, y) - twin.sample("rgba.alpha", x, y)) for x, y in points)
    return worst == 0.0 or f"differs by {worst}"


@check(15)
def a_roto_over_black_renders_the_shapes_alone():
    shuffle = nuke.nodes.Shuffle(inputs=[constant])
    for name in ("red", "green", "blue", "alpha"):
        shuffle[name].setValue("black")
    over = nuke.nodes.Roto(inputs=[shuffle])
    over["curves"].fromScript(roto["curves"].toScript())
    over["output"].setValue("alpha")
    points = [(x, y) for x in range(5, 100, 10) for y in range(5, 100, 10)]
    worst = max(abs(roto.sample("rgba.alpha", x, y) - over.sample("rgba.alpha", x, y)) for x, y in points)
    return worst == 0.0 or f"differs by {worst}"


@check(16)
def op_hashes_follow_the_picture():
    before = constant.opHashes()
    constant["label"].setValue("a label changes no pixel")
    labelled = constant.opHashes()
    constant["color"].setValue(0.75)
    return (before == labelled, before != constant.opHashes()) == (True, True) or f"label {before == labelled}"


@check(17)
def texts_of_knobs_tell_a_setting_from_another():
    grade = nuke.nodes.Grade(inputs=[constant])
    before = grade["multiply"].toScript()
    grade["multiply"].setValue(0.5)
    static = grade["multiply"].toScript()
    grade["multiply"].setExpression("frame / 10")
    return len({before, static, grade["multiply"].toScript()}) == 3 or f"{before} {static}"


@check(18)
def read_knobs_adds_a_user_knob_to_a_group():
    group = nuke.nodes.Group()
    group.addKnob(nuke.Tab_Knob("tab"))
    group.readKnobs("addUserKnob {6 xmem_later l later +STARTLINE}\nxmem_later true")
    return group.knob("xmem_later") is not None and bool(group["xmem_later"].value())


@check(19)
def which_edition_this_is():
    return " ".join(f"{name}={bool(nuke.env.get(name))}" for name in ("nc", "indie", "ple"))


@check(20)
def working_space_is_named_in_root():
    root = nuke.root()
    return " | ".join(f"{name}={root[name].value()}" for name in ("colorManagement", "OCIO_config", "workingSpaceLUT"))


@check(1)
def the_gizmo_loads_and_gets_an_id():
    nuke.pluginAddPath(os.path.join(CHECKOUT, "gizmos"))
    node = nuke.createNode("XMemRoto", inpanel=False)
    found = f"{node.Class()}, id {node['node_id'].value()[:8]}, {len(node.knobs())} knobs"
    return found if node["node_id"].value() else False


@check(21)
def the_strips_knob_has_no_object_before_the_panel_opens():
    node = nuke.createNode("XMemRoto", inpanel=False)
    found = node["strip"].getObject() if hasattr(node["strip"], "getObject") else "no getObject"
    nuke.delete(node)
    return found is None or str(found)


@check(23)
def the_arguments_under_t():
    return " ".join(sys.argv) or "none"


@check(33)
def a_file_knob_evaluates_the_frame_it_is_given():
    read = nuke.nodes.Read(file=folder + "/mapped.%04d.exr", first=1, last=10, frame_mode="start at", frame="1001")
    return f"evaluate(1005) is {os.path.basename(read['file'].evaluate(1005))}"


@check(34)
def the_range_of_a_read_that_starts_elsewhere():
    read = nuke.nodes.Read(file=folder + "/mapped.%04d.exr", first=1, last=10, frame_mode="start at", frame="1001")
    return f"firstFrame {read.firstFrame()}, lastFrame {read.lastFrame()}"


@check(35)
def a_link_takes_a_value_for_its_target():
    node = nuke.createNode("XMemPass", inpanel=False)
    node["pass"].setValue("rgba.red")
    found = node.node("Picked")["from0"].value()
    nuke.delete(node)
    return found == "rgba.red" or found


@check(36)
def undo_takes_back_a_key_made_through_rotopaint():
    keyed = nuke.nodes.Roto()
    keyed["curves"].fromScript(CURVES)
    center = keyed["curves"].toElement("spline")[0].center
    nuke.Undo.begin()
    nuke.Undo.name("xmem check")
    center.addPositionKey(5, (11, 11))
    keyed["curves"].changed()
    nuke.Undo.end()
    nuke.Undo.undo()
    times = list(keyed["curves"].toElement("spline")[0].center.getControlPointKeyTimes())
    return 5 not in times or f"keys {times}"


@check(37)
def an_input_node_depends_on_nothing_and_its_group_has_the_input():
    group = nuke.nodes.Group()
    with group:
        inner = nuke.nodes.Input()
    group.setInput(0, constant)
    outside = group.input(int(inner["number"].value()))
    listed = [node.name() for node in inner.dependencies()]
    return (outside is not None and outside.name() == constant.name()) and f"dependencies of the Input: {listed}"


@check(38)
def stock_nodes_can_be_made_inside_a_group():
    group = nuke.nodes.Group()
    with group:
        made = nuke.nodes.Remove(name="xmem_inside", channels="rgb")
    return group.node("xmem_inside") is not None and made.parent() == group or f"made {made.fullName()}"


@check(11)
def where_the_overall_feather_ends():
    row = [round(roto.sample("rgba.alpha", x + 0.5, 20.5), 3) for x in range(0, 100, 2)]
    return "row 20: " + " ".join(map(str, row))


# Last: the nodes of the others are gone afterwards.
@check(39)
def saving_and_loading_call_back_with_the_name_of_the_new_file():
    path = os.path.join(folder, "check_v001.nk").replace("\\", "/")
    names = []
    note = lambda: names.append(nuke.root()["name"].value())  # noqa: E731
    nuke.addOnScriptSave(note)
    nuke.addOnScriptLoad(note)
    try:
        nuke.scriptSaveAs(path, 1)
        nuke.scriptOpen(path)
    finally:
        nuke.removeOnScriptSave(note)
        nuke.removeOnScriptLoad(note)
    return names == [path, path] or f"{names}"


print(f"\nXMem Roto in Nuke {nuke.NUKE_VERSION_STRING}, Python {sys.version.split()[0]}, {sys.platform}, gui={nuke.GUI}")
print(f"editions: {[name for name in ('nc', 'indie', 'ple', 'nukex', 'studio', 'assist') if nuke.env.get(name)]}")
print(f"element classes: {[cls.__name__ for cls in (rp.Layer, rp.Shape, rp.Stroke)]}")
for number, name, said in results:
    print(f"{number:3}  {said:40}  {name.replace('_', ' ')}")
