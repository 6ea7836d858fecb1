"""For someone with a licence: tries in a real Nuke what docs/unverified-in-nuke.md lists, and prints a page to send back.

    nuke -t tests/in_nuke/check.py
    exec(open("/path/to/tests/in_nuke/check.py").read())       # in the Script Editor, in an empty script

Makes nodes in the current script and deletes them again; writes to a temporary folder. Standard library only.
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
def copy_keeps_the_layers_of_b():
    nuke.Layer("xmem_check_layer", ["xmem_check_layer.alpha"])
    b = nuke.nodes.AddChannels(inputs=[constant], channels="xmem_check_layer")
    copy = nuke.nodes.Copy(inputs=[b, constant], from0="rgba.red", to0="rgba.red")
    return "xmem_check_layer.alpha" in copy.channels()


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


@check(7)
def undo_knows_nothing_of_what_happens_while_it_is_disabled():
    nuke.Undo.disable()
    node = nuke.nodes.NoOp(name="xmem_undo_check")
    nuke.delete(node)
    nuke.Undo.enable()
    return nuke.toNode("xmem_undo_check") is None


@check(9)
def matrices_are_row_major_with_the_layer_outside():
    from nuke_plugin import roto as reader

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


@check(16)
def op_hashes_follow_the_picture():
    before = constant.opHashes()
    constant["label"].setValue("a label changes no pixel")
    labelled = constant.opHashes()
    constant["color"].setValue(0.75)
    return (before == labelled, before != constant.opHashes()) == (True, True) or f"label {before == labelled}"


@check(18)
def read_knobs_adds_a_user_knob_to_a_group():
    group = nuke.nodes.Group()
    group.addKnob(nuke.Tab_Knob("tab"))
    group.readKnobs("addUserKnob {6 xmem_later l later +STARTLINE}\nxmem_later true")
    return group.knob("xmem_later") is not None and bool(group["xmem_later"].value())


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


@check(11)
def where_the_overall_feather_ends():
    row = [round(roto.sample("rgba.alpha", x + 0.5, 20.5), 3) for x in range(0, 100, 2)]
    return "row 20: " + " ".join(map(str, row))


print(f"\nXMem Roto in Nuke {nuke.NUKE_VERSION_STRING}, Python {sys.version.split()[0]}, {sys.platform}, gui={nuke.GUI}")
print(f"editions: {[name for name in ('nc', 'indie', 'ple', 'nukex', 'studio', 'assist') if nuke.env.get(name)]}")
print(f"element classes: {[cls.__name__ for cls in (rp.Layer, rp.Shape, rp.Stroke)]}")
for number, name, said in results:
    print(f"{number:3}  {said:40}  {name.replace('_', ' ')}")
