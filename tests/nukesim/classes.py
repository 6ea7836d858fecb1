"""What node classes exist: their knobs with defaults, and how many inputs they take.

Names and defaults: a knob scan of Nuke 17 (NUKE_FACTS: scan17) for the classes that render here, the sample scripts for the rest.
A class that is not in the table does not exist, unless a foreign script is opened with `unknown="inert"`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import array_knobs as a
from . import knobs as k

Maker = Callable[[], k.Knob]


_ASK_THE_HOST = (k.Channel_Knob, k.Format_Knob)
"""Kinds of knobs whose value means something to the script that they are made in."""


def _made(cls: type, name: str, default: str | None = None, label: str | None = None, items: Any = None) -> Maker:
    """Give what makes a knob of a class; the second one is a copy of the first, which a node of fifty knobs is made of much sooner."""
    pattern: dict[str, Any] = {}

    def make() -> k.Knob:
        if pattern:
            copy: k.Knob = object.__new__(cls)
            vars(copy).update(pattern)
            for own in lists:
                vars(copy)[own] = list(pattern[own])
            return copy
        knob: k.Knob = cls(name, label, list(items)) if items is not None else cls(name, label)
        if default is not None:
            knob._from_script(default)
        knob._default = knob._get_state()
        if not issubclass(cls, _ASK_THE_HOST):
            for attribute, value in vars(knob).items():
                pattern[attribute] = list(value) if isinstance(value, list) else value
                if isinstance(value, list):
                    lists.append(attribute)
        return knob

    lists: list[str] = []
    return make


def text(name: str, default: str = "") -> Maker:
    return _made(k.String_Knob, name, default)


def evalued(name: str, default: str = "") -> Maker:
    return _made(k.EvalString_Knob, name, default)


def file(name: str) -> Maker:
    return _made(k.File_Knob, name, "")


def python(name: str) -> Maker:
    return _made(k.PythonKnob, name, "")


def button(name: str, script: str) -> Maker:
    return _made(k.PyScript_Knob, name, script)


def integer(name: str, default: str = "0") -> Maker:
    return _made(a.Int_Knob, name, default)


def real(name: str, default: str = "0") -> Maker:
    return _made(a.Double_Knob, name, default)


def check(name: str, default: str = "false") -> Maker:
    return _made(a.Boolean_Knob, name, default)


def choice(name: str, items: Any, default: str | None = None) -> Maker:
    return _made(a.Enumeration_Knob, name, default, items=items)


def channel(name: str, default: str = "none") -> Maker:
    return _made(k.Channel_Knob, name, default)


def channels(name: str, default: str) -> Maker:
    return _made(k.ChannelMask_Knob, name, default)


def colour(name: str, default: str = "0") -> Maker:
    return _made(a.AColor_Knob, name, default)


def box(name: str, default: str) -> Maker:
    return _made(a.BBox_Knob, name, default)


def pair(name: str, default: str = "0 0") -> Maker:
    return _made(a.XY_Knob, name, default)


def size(name: str, default: str = "0") -> Maker:
    return _made(a.WH_Knob, name, default)


def numbers(name: str, default: str) -> Maker:
    return _made(a.Array_Knob, name, default)


def image_format(name: str, default: str = "") -> Maker:
    return _made(k.Format_Knob, name, default)


def free(name: str, default: str = "") -> Maker:
    return _made(k.FreeType_Knob, name, default)


@dataclass(frozen=True)
class NodeClass:
    """One class of node."""

    name: str
    knobs: tuple[Maker, ...] = ()
    minimum: int = 1
    maximum: int = 1
    mask: int | None = None
    """Index of the mask input, counted among all inputs; None without one."""
    kind: str = "node"
    """node, group, gizmo, root, viewer or backdrop: which Python class stands for it."""
    inert: bool = False
    defined_by: Any = field(default=None, compare=False)
    """Path of the gizmo file, for gizmos."""
    without: tuple[str, ...] = ()
    """Common knobs that this class has not got."""


_COLORSPACES = (
    "default",
    "linear",
    "sRGB",
    "rec709",
    "Cineon",
    "Gamma1.8",
    "Gamma2.2",
    "Gamma2.4",
    "Gamma2.6",
    "Panalog",
    "REDLog",
    "ViperLog",
    "AlexaV3LogC",
    "PLogLin",
    "SLog",
    "SLog1",
    "SLog2",
    "SLog3",
    "CLog",
    "Log3G10",
    "Log3G12",
    "HybridLogGamma",
    "Protune",
    "BT1886",
    "st2084",
    "Blackmagic Film Generation 5",
    "ARRILogC4",
    "REDSpace",
)
_READ_TYPES = (
    " ",
    "arri",
    "cin",
    "dng",
    "dpx",
    "exr",
    "gif",
    "hdr",
    "iff",
    "jpeg",
    "mov",
    "mxf",
    "pic",
    "png",
    "psd",
    "r3d",
    "sgi",
    "targa",
    "tiff",
    "xpm",
    "yuv",
)
_WRITE_TYPES = (
    " ",
    "abc",
    "cin",
    "dpx",
    "exr",
    "fpi",
    "hdr",
    "jpeg",
    "mov",
    "mxf",
    "null",
    "pic",
    "png",
    "sgi",
    "targa",
    "tiff",
    "xpm",
    "yuv",
)
_CALLBACKS = ("onCreate", "onDestroy", "knobChanged", "updateUI", "autolabel", "rootNodeUpdated")

COMMON: tuple[Maker, ...] = (
    *(python(name) for name in _CALLBACKS),
    free("panel"),
    evalued("help"),
    text("name"),
    _made(a.ColorChip_Knob, "tile_color", "0"),
    _made(a.ColorChip_Knob, "gl_color", "0"),
    evalued("label"),
    file("icon"),
    check("cached"),
    check("dope_sheet"),
    check("bookmark"),
    check("postage_stamp"),
    integer("postage_stamp_frame", "1"),
    check("hide_input"),
    text("note_font", "Verdana"),
    integer("note_font_size", "11"),
    _made(a.ColorChip_Knob, "note_font_color", "0"),
    check("selected"),
    integer("xpos"),
    integer("ypos"),
    free("indicators", "0"),
    check("useLifetime"),
    integer("lifetimeStart"),
    integer("lifetimeEnd"),
    check("lock_connections"),
    _made(a.Disable_Knob, "disable", "false"),
)
"""Knobs that every node has; INVISIBLE_COMMON among them are written only when asked or changed."""

_MASKED = (
    channel("maskChannelInput"),
    check("inject"),
    check("invert_mask"),
    check("fringe"),
    channel("maskChannelMask", "rgba.alpha"),
    check("maskFromFlag"),
    channel("unpremult"),
    check("invert_unpremult"),
    real("mix", "1"),
)


def _curves() -> k.Knob:
    from .curveknob import CurveKnob

    return CurveKnob("curves")


BLENDING = "over max multiply color-burn min screen color-dodge plus overlay soft-light hard-light from minus difference exclusion".split()
"""Modes by the number of the attribute bm."""


def _gui_choice(name: str) -> Maker:
    """A knob that stands for the selection of the interface: its list goes by the alphabet, and a script cannot set it.

    NUKE_MEASURED 2.5, cases 95 and 96, and S17: defaultValue() says color-burn though the value is over.
    """

    def make() -> k.Knob:
        return a._SelectionEnumeration(name, None, [f"{mode}\t\t{number}" for mode, number in sorted(zip(BLENDING, range(15)))])

    return make


_ROTO = (
    _curves,
    free("toolbox"),
    channels("channels", "rgba"),
    channel("outputMask"),
    choice("premultiply", ("none", "rgb", "rgba", "all", "alpha")),
    choice("cliptype", ("no clip", "bbox", "format", "union", "intersect", "none"), "format"),
    check("replace"),
    image_format("format"),
    check("inverted"),
    real("opacity", "1"),
    colour("color", "1"),
    colour("colorOverlay", "0"),
    check("feather_on", "true"),
    pair("feather"),
    real("feather_falloff", "1"),
    choice("feather_type", ("linear", "smooth0", "smooth1", "smooth")),
    choice("lifetime_type", ("all frames", "start to frame", "single frame", "frame to end", "frame range"), "single frame"),
    integer("lifetime_start", "1"),
    integer("lifetime_end", "1"),
    check("motionblur_on"),
    real("motionblur", "1"),
    real("motionblur_shutter", "0.5"),
    choice("motionblur_shutter_offset_type", ("centred", "start", "end", "custom"), "start"),
    real("motionblur_shutter_offset"),
    choice("motionblur_mode", ("shape", "global")),
    real("global_motionblur", "1"),
    real("global_motionblur_shutter", "0.5"),
    choice("global_motionblur_shutter_offset_type", ("centred", "start", "end", "custom"), "start"),
    real("global_motionblur_shutter_offset"),
    _gui_choice("blending_mode"),
    _gui_choice("toolbar_blending_mode"),
    check("source_translate_round", "true"),
    check("source_black_outside"),
    check("link_output"),
    check("visible", "true"),
    check("locked"),
    free("view"),
    free("tools"),
    check("toolbar_autokey", "true"),
    real("toolbar_brush_hardness", "1"),
    real("toolbar_brush_size", "25"),
    free("toolbar_source_transform_scale"),
    free("toolbar_source_transform_center"),
    free("toolbar_lifetime_type"),
    free("toolbar_ripple_range_type"),
    free("toolbar_ripple_range_from"),
    free("toolbar_ripple_range_to"),
    check("toolbar_feather_link", "true"),
    real("openspline_width", "10"),
    real("brush_size", "25"),
    real("brush_hardness", "0.2"),
    real("brush_spacing", "0.05"),
)

_BARE = ("disable", "useLifetime", "lifetimeStart", "lifetimeEnd", "postage_stamp", "postage_stamp_frame", "dope_sheet")
"""What NoOp and Dot lack (S17)."""
_SHARED_SCRIPT = (
    file("file"),
    text("output"),
    check("useOutput"),
    check("reading"),
    choice("on_error", ("error", "black", "checkerboard", "read input"), "error"),
    integer("version"),
    button("reload_script", ""),
)
"""Of LiveGroup and Precomp (S17)."""


VARIABLES_SINCE = (16,)
"""Version of Nuke from which on scripts have variables."""


def variables() -> k.Knob:
    """Make the knob of graph scope variables."""
    from .gsv import _Gsv_Knob

    return _Gsv_Knob("gsv")


GROUPS = ("Group", "LiveGroup", "VariableGroup")
"""Classes whose nodes stand between their block and end_group."""
_GROUP = (button("Show", ""), check("lock_connections"), free("window"), check("addNode"))

_TABLE = (
    NodeClass("NoOp", without=_BARE),
    NodeClass("Dot", without=_BARE),
    NodeClass("PostageStamp"),
    NodeClass("LiveGroup", (*_SHARED_SCRIPT, variables, *_GROUP), 0, 100, kind="group"),
    NodeClass("VariableGroup", (variables, *_GROUP), 0, 100, kind="group"),
    NodeClass("Precomp", _SHARED_SCRIPT, 0, 1, kind="group"),
    NodeClass("VariableSwitch", (text("variable"),), 0, 100),
    NodeClass("Input", (integer("number"), check("showframe")), 0, 0),
    NodeClass("Output"),
    NodeClass("StickyNote", (), 0, 0),
    NodeClass(
        "BackdropNode",
        (real("bdwidth", "80"), real("bdheight", "80"), integer("z_order"), choice("appearance", ("Fill", "Border")), real("border_width")),
        0,
        0,
        kind="backdrop",
    ),
    NodeClass("Group", _GROUP, 0, 100, kind="group"),
    NodeClass(
        "Viewer",
        (
            text("frame_range", "1-100"),
            check("frame_range_lock"),
            integer("frame", "1"),
            real("fps", "24"),
            check("input_process", "true"),
            text("viewerProcess", "sRGB"),
            integer("input_number"),
            free("colour_sample_bbox"),
            free("samplepoints"),
            free("monitorOutOutputTransform"),
            free("monitorOutNDISenderName"),
            check("full_frame_processing"),
            free("roi"),
            real("gain", "1"),
            real("gamma", "1"),
            integer("downrez", "0"),
            free("viewerInputOrder"),
            check("useGPUForInputTransform"),
            text("channels", "rgba"),
            button("reload", ""),
        ),
        0,
        10,
        kind="viewer",
    ),
    NodeClass(
        "Root",
        (
            integer("frame", "1"),
            integer("first_frame", "1"),
            integer("last_frame", "100"),
            variables,
            check("lock_range"),
            real("fps", "24"),
            image_format("format", "2048 1556 0 0 2048 1556 1 2K_Super_35(full-ap)"),
            check("proxy"),
            choice("proxy_type", ("format", "scale"), "scale"),
            image_format("proxy_format", "1024 778 0 0 1024 778 1 1K_Super_35(full-ap)"),
            real("proxy_scale", "0.5"),
            choice("colorManagement", ("Nuke", "OCIO"), "Nuke"),
            choice(
                "OCIO_config",
                (
                    "nuke-default",
                    "aces_1.0.1",
                    "aces_1.0.3",
                    "aces_1.1",
                    "aces_1.2",
                    "fn-nuke_cg-config-v1.0.0_aces-v1.3_ocio-v2.1",
                    "fn-nuke_studio-config-v1.0.0_aces-v1.3_ocio-v2.1",
                    "custom",
                ),
                "nuke-default",
            ),
            file("customOCIOConfigPath"),
            text("workingSpaceLUT", "linear"),
            text("monitorLut", "sRGB"),
            text("monitorOutLUT", "rec709"),
            text("int8Lut", "sRGB"),
            text("int16Lut", "sRGB"),
            text("logLut", "Cineon"),
            text("floatLut", "linear"),
            text("defaultViewerLUT", "Nuke Root LUTs"),
            file("project_directory"),
            python("onScriptLoad"),
            python("onScriptSave"),
            python("onScriptClose"),
            text("views", "main #ffffff"),
            free("luts"),
            text("title"),
            file("free_type_font_path"),
            text("hero_view", "main"),
            free("views_colours"),
            text("timecode"),
        ),
        0,
        0,
        kind="root",
    ),
    NodeClass(
        "Read",
        (
            choice("file_type", _READ_TYPES),
            file("file"),
            file("proxy"),
            image_format("format"),
            image_format("proxy_format"),
            choice(
                "localizationPolicy",
                ("on", "fromAutoLocalizePath\tfrom auto-localize path", "onDemand\ton demand", "off"),
                "fromAutoLocalizePath",
            ),
            button("updateLocalization", ""),
            check("cacheLocal"),
            integer("first", "1"),
            choice("before", ("hold", "loop", "bounce", "black"), "hold"),
            integer("last", "1"),
            choice("after", ("hold", "loop", "bounce", "black"), "hold"),
            choice("frame_mode", ("expression", "start at", "offset"), "expression"),
            text("frame"),
            integer("origfirst", "1"),
            integer("origlast", "1"),
            check("origset"),
            choice("on_error", ("error", "black", "checkerboard", "nearest frame"), "error"),
            button("reload", ""),
            choice("colorspace", _COLORSPACES, "default"),
            check("premultiplied"),
            check("raw"),
            check("auto_alpha"),
            text("in_colorspace", "scene_linear"),
            text("out_colorspace", "scene_linear"),
            integer("version"),
            check("checkHashOnRead", "true"),
            text("views", ""),
            numbers("edit_num", "0"),
            check("sequence", "true"),
            check("showFrameWarning"),
            check("noprefix"),
            check("doNotAttachPrefix"),
            check("offset_negative_display_window", "true"),
            choice("edge_pixels", ("plate detect", "edge detect", "repeat", "black"), "plate detect"),
        ),
        0,
        0,
    ),
    NodeClass(
        "Write",
        (
            file("file"),
            file("proxy"),
            channels("channels", "rgb"),
            choice("file_type", _WRITE_TYPES),
            choice("colorspace", _COLORSPACES, "default"),
            check("raw"),
            check("premultiplied"),
            choice("transformType", ("colorspace", "display"), "colorspace"),
            choice("display", ("default",)),
            choice("view", ("None",)),
            check("create_directories"),
            check("use_limit"),
            integer("first", "1"),
            integer("last", "1"),
            choice("frame_mode", ("expression", "start at", "offset"), "expression"),
            text("frame"),
            _made(k.MultiView_Knob, "views", "main"),
            real("render_order", "1"),
            check("reading"),
            choice("on_error", ("error", "black", "checkerboard", "read input"), "error"),
            check("checkHashOnRead", "true"),
            integer("version"),
            button("Render", ""),
            python("beforeRender"),
            python("beforeFrameRender"),
            python("afterFrameRender"),
            python("afterRender"),
            python("renderProgress"),
            check("read_all_lines"),
            button("reload", ""),
            text("in_colorspace", "scene_linear"),
            text("out_colorspace", "scene_linear"),
            integer("field"),
        ),
    ),
    NodeClass(
        "Constant",
        (channels("channels", "rgb"), colour("color", "0"), image_format("format"), integer("first", "1"), integer("last", "1")),
        0,
        1,
    ),
    NodeClass(
        "CheckerBoard2",
        (
            image_format("format"),
            size("boxsize", "64"),
            colour("color0", "0.1"),
            colour("color1", "0.5"),
            colour("color2", "0.1"),
            colour("color3", "0.5"),
            colour("linecolor", "1"),
            real("linewidth", "0"),
            colour("centerlinecolor", "1 1 0 1"),
            real("centerlinewidth", "3"),
        ),
        0,
        1,
    ),
    NodeClass("ColorBars", (image_format("format"), real("barintensity", "0.75")), 0, 1),
    NodeClass("Roto", (channels("output", "alpha"), integer("rotoMode", "1"), *_ROTO, *_MASKED), 2, 5, mask=1),
    NodeClass("RotoPaint", (channels("output", "rgba"), integer("rotoMode", "0"), *_ROTO, *_MASKED), 2, 5, mask=4),
    NodeClass("SplineWarp3", (channels("channels", "all"), *_ROTO), 0, 3, mask=2),
    NodeClass(
        "Copy",
        (
            channel("from0", "rgba.alpha"),
            channel("to0", "rgba.alpha"),
            *(channel(n + str(i)) for i in (1, 2, 3) for n in ("from", "to")),
            channels("channels", "none"),
            choice("bbox", ("union", "B\tB side", "A\tA side"), "union"),
            choice("metainput", ("B", "A", "All"), "B"),
            choice("rangeinput", ("B", "A", "All"), "B"),
            *_MASKED,
        ),
        2,
        3,
        mask=2,
    ),
    NodeClass(
        "Shuffle",
        (
            channel("in", "rgba"),
            channel("in2"),
            *(
                choice(name, ("red", "green", "blue", "alpha", "black", "white", "red2", "green2", "blue2", "alpha2", "none"), name)
                for name in ("red", "green", "blue", "alpha")
            ),
            *(
                choice(name, ("red", "green", "blue", "alpha", "black", "white", "red2", "green2", "blue2", "alpha2"), name)
                for name in ("black", "white", "red2", "green2", "blue2", "alpha2")
            ),
            channel("out", "rgba"),
            channel("out2"),
        ),
    ),
    NodeClass(
        "ShuffleCopy",
        (
            channel("in", "rgba"),
            channel("in2", "rgba"),
            *(
                choice(name, ("red", "green", "blue", "alpha", "black", "white", "red2", "green2", "blue2", "alpha2", "none"), default)
                for name, default in (("red", "red2"), ("green", "green2"), ("blue", "blue2"), ("alpha", "alpha"))
            ),
            *(
                choice(name, ("red", "green", "blue", "alpha", "black", "white", "red2", "green2", "blue2", "alpha2"), name)
                for name in ("black", "white", "red2", "green2", "blue2", "alpha2")
            ),
            channel("out", "rgba"),
            channel("out2"),
        ),
        2,
        2,
    ),
    NodeClass(
        "Shuffle2",
        (
            choice("fromInput1", ("B", "A"), "B"),
            channel("in1", "rgba"),
            choice("fromInput2", ("B", "A"), "B"),
            channel("in2"),
            channel("out1", "rgba"),
            channel("out2"),
            text(
                "mappings",
                "4 rgba.red 0 0 rgba.red 0 0 rgba.green 0 1 rgba.green 0 1 rgba.blue 0 2 rgba.blue 0 2 rgba.alpha 0 3 rgba.alpha 0 3",
            ),
            free("shuffle"),
        ),
        1,
        2,
    ),
    NodeClass(
        "Reformat",
        (
            choice("type", ("to format", "to box", "scale"), "to format"),
            image_format("format"),
            real("box_width", "200"),
            real("box_height", "200"),
            check("box_fixed"),
            real("box_pixel_aspect", "1"),
            real("scale", "1"),
            choice("resize", ("none", "width", "height", "fit", "fill", "distort"), "width"),
            check("center", "true"),
            check("flip"),
            check("flop"),
            check("turn"),
            choice(
                "filter",
                ("Impulse", "Cubic", "Keys", "Simon", "Rifman", "Mitchell", "Parzen", "Notch", "Lanczos4", "Lanczos6", "Sinc4"),
                "Cubic",
            ),
            check("clamp"),
            check("black_outside"),
            check("pbb"),
        ),
    ),
    NodeClass(
        "Crop",
        (
            box("box", "0 0 640 480"),
            real("softness", "0"),
            check("reformat"),
            check("intersect"),
            check("crop", "true"),
            choice("preset", ("format",)),
        ),
    ),
    NodeClass(
        "Merge2",
        (
            choice(
                "operation",
                (
                    "atop",
                    "average",
                    "color-burn",
                    "color-dodge",
                    "conjoint-over",
                    "copy",
                    "difference",
                    "disjoint-over",
                    "divide",
                    "exclusion",
                    "from",
                    "geometric",
                    "hard-light",
                    "hypot",
                    "in",
                    "mask",
                    "matte",
                    "max",
                    "min",
                    "minus",
                    "multiply",
                    "out",
                    "over",
                    "overlay",
                    "plus",
                    "screen",
                    "soft-light",
                    "stencil",
                    "under",
                    "xor",
                ),
                "over",
            ),
            channels("Achannels", "rgba"),
            channels("Bchannels", "rgba"),
            channels("output", "rgba"),
            channels("also_merge", "none"),
            choice("bbox", ("union", "intersection", "A", "B"), "union"),
            choice("metainput", ("B", "A", "All"), "B"),
            choice("rangeinput", ("B", "A", "All"), "All"),
            check("screen_alpha"),
            check("sRGB"),
            *_MASKED,
        ),
        2,
        100,
        mask=2,
    ),
    NodeClass("Switch", (real("which", "0"),), 0, 100),
    NodeClass(
        "Grade",
        (
            channels("channels", "rgb"),
            colour("blackpoint", "0"),
            colour("whitepoint", "1"),
            colour("black", "0"),
            colour("white", "1"),
            colour("multiply", "1"),
            colour("add", "0"),
            colour("gamma", "1"),
            check("reverse"),
            check("black_clamp", "true"),
            check("white_clamp"),
            check("enable_mix_luminance"),
            real("mix_luminance"),
            *_MASKED,
        ),
        1,
        2,
        mask=1,
    ),
    NodeClass("Multiply", (channels("channels", "rgb"), colour("value", "1"), *_MASKED), 1, 2, mask=1),
    NodeClass("Add", (channels("channels", "rgb"), colour("value", "0"), *_MASKED), 1, 2, mask=1),
    NodeClass("Gamma", (channels("channels", "rgb"), colour("value", "1"), *_MASKED), 1, 2, mask=1),
    NodeClass(
        "Clamp",
        (
            channels("channels", "all"),
            colour("minimum", "0"),
            check("minimum_enable", "true"),
            colour("maximum", "1"),
            check("maximum_enable", "true"),
            colour("MinClampTo", "0"),
            check("MinClampTo_enable"),
            colour("MaxClampTo", "1"),
            check("MaxClampTo_enable"),
            *_MASKED,
        ),
        1,
        2,
        mask=1,
    ),
    NodeClass("Invert", (channels("channels", "rgba"), check("clamp"), *_MASKED), 1, 2, mask=1),
    NodeClass(
        "Blur",
        (
            channels("channels", "all"),
            size("size", "0"),
            choice("filter", ("box", "triangle", "quadratic", "gaussian"), "gaussian"),
            check("crop", "true"),
            integer("quality", "15"),
            *_MASKED,
        ),
        1,
        2,
        mask=1,
    ),
    NodeClass(
        "FilterErode",
        (channels("channels", "alpha"), size("size", "1"), choice("filter", ("box", "triangle", "quadratic", "gaussian"), "box"), *_MASKED),
        1,
        2,
        mask=1,
    ),
    NodeClass("Premult", (channels("channels", "rgb"), channel("alpha", "rgba.alpha"), check("invert"))),
    NodeClass("Unpremult", (channels("channels", "rgb"), channel("alpha", "rgba.alpha"), check("invert"))),
    NodeClass("Dissolve", (channels("channels", "all"), real("which", "0")), 2, 100, mask=2),
    NodeClass(
        "Keymix",
        (
            channels("channels", "all"),
            channel("maskChannel", "rgba.alpha"),
            check("invertMask"),
            real("mix", "1"),
            choice("bbox", ("union", "B", "A"), "union"),
        ),
        3,
        3,
    ),
    NodeClass(
        "Cryptomatte",
        (
            evalued("matteList"),
            channel("matteOutput", "rgba.alpha"),
            choice("cryptoLayerChoice", ("",), ""),
            evalued("manifestSourceExtended"),
            check("removeChannels"),
            check("previewEnabled", "true"),
        ),
    ),
    NodeClass(
        "Remove",
        (
            choice("operation", ("remove", "keep"), "remove"),
            channels("channels", "all"),
            channels("channels2", "none"),
            channels("channels3", "none"),
            channels("channels4", "none"),
        ),
    ),
    NodeClass(
        "AddChannels",
        (
            channels("channels", "none"),
            channels("channels2", "none"),
            channels("channels3", "none"),
            channels("channels4", "none"),
            colour("color", "0"),
            check("format_size", "true"),
        ),
    ),
    NodeClass("BlackOutside"),
    NodeClass("FrameHold", (integer("firstFrame"), integer("increment"), free("rounding_mode"), button("setToCurrentFrame", ""))),
    NodeClass("TimeOffset", (integer("time_offset"), real("dtime_offset"), check("reverse_input"), free("rounding_mode"), free("time"))),
    NodeClass("FrameRange", (integer("first_frame", "0"), integer("last_frame", "-123"))),
    NodeClass("ModifyMetaData", (free("metadata"),)),
)

TABLE: dict[str, NodeClass] = {node_class.name: node_class for node_class in _TABLE}
ALIASES = {"Merge": "Merge2", "CheckerBoard": "CheckerBoard2"}
"""Old names that load as the new class."""

_EXR_WRITE = (
    check("autocrop"),
    choice("datatype", ("16 bit half", "32 bit float"), "16 bit half"),
    choice(
        "compression",
        (
            "none",
            "Zip (1 scanline)",
            "Zip (16 scanlines)",
            "PIZ Wavelet (32 scanlines)",
            "RLE",
            "B44",
            "B44A",
            "DWAA",
            "DWAB",
            "PXR24 (lossy)",
        ),
        "Zip (1 scanline)",
    ),
    real("dw_compression_level", "45"),
    choice(
        "metadata",
        ("no metadata", "default metadata", "default metadata and exr/*", "all metadata except input/*", "all metadata"),
        "default metadata",
    ),
    check("noprefix"),
    choice("interleave", ("channels, layers and views", "channels and layers", "channels"), "channels, layers and views"),
    check("standard_layer_name_format"),
    check("write_full_layer_names"),
    check("truncateLayerNames"),
    check("write_ACES_compliant_EXR"),
    text("first_part", "rgba"),
    integer("heroview", "1"),
)
_PNG_WRITE = (choice("datatype", ("8 bit", "16 bit"), "8 bit"),)
_JPEG_WRITE = (real("_jpeg_quality", "0.75"), choice("_jpeg_sub_sampling", ("4:1:1", "4:2:2", "4:4:4"), "4:1:1"))
FILE_TYPE_KNOBS: dict[str, tuple[Maker, ...]] = {"exr": _EXR_WRITE, "png": _PNG_WRITE, "jpeg": _JPEG_WRITE}
"""Knobs that a Write grows when its file type is known."""

EXTENSIONS = {"exr": "exr", "png": "png", "jpg": "jpeg", "jpeg": "jpeg"}


def inert(name: str) -> NodeClass:
    """A class that is only kept: any knobs, any inputs, does not render."""
    return NodeClass(name, (), 0, 1000, inert=True)
