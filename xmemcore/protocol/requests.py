"""The requests that the core takes, and the table of settings: every field declared with `setting` is a row; see `settings`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Optional, Tuple

from xmemcore.protocol.choices import (
    ALL_OBJECTS,
    COMPRESSIONS,
    CROPS,
    DEVICES,
    EDGES,
    FROM_SCRIPT,
    HERE,
    METHODS,
    MODES,
    ORDERS,
    PICTURES,
    PLATE_RENDERS,
    PRECISIONS,
    ROTO_INPUTS,
    SEVERAL_DEVICES,
    SHAPES,
    UPDATES,
)
from xmemcore.protocol.colorspaces import COLORSPACES
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.outside import cut
from xmemcore.protocol.path_map import of_windows
from xmemcore.protocol.settings import require_possible, setting

LONGEST_WAIT_SECONDS = 7 * 24 * 3600
LONGEST_LEARNING_SECONDS = 3600
PATHS = {
    "plate": "plate",
    "roto": "roto",
    "masks": "folder of masks",
    "roto_alpha": "roto's alpha",
    "approved": "folder of approved mattes",
    "mattes": "folder of mattes",
    "out": "output",
    "report": "contact sheet",
    "cache": "cache",
}
"""Fields of requests that are paths, and what a sentence calls them."""


@dataclass(frozen=True)
class PanelChoices:
    """Choices of the panel that the plugin acts on itself; the core gets their result."""

    roto_input: str = setting(
        SHAPES,
        mattes=True,
        choices=ROTO_INPUTS,
        knob="roto_input",
        label="roto",
        tooltip="What the roto input means. 'each shape or layer': every top-level shape or layer of the connected Roto or RotoPaint is an "
        "object of its own, with its own layer. 'union of all shapes': they are one object. 'alpha of the input': whatever is connected is "
        "rendered, and its alpha on the frames that you list with Add current is the matte of one object; use this for paint strokes, "
        "tracked mattes, or a Roto behind other nodes.",
    )
    viewer_update: str = setting(
        UPDATES[0],
        choices=UPDATES,
        knob="viewer_update",
        label="update the viewer",
        tooltip="When the viewer shows new mattes. live: when the frame that you look at is there. after each gap: when a stretch between "
        "two keyframes is complete. at the end: once. Every update makes Nuke compute anew what is below this node, on all frames.",
    )
    plate_render: str = setting(
        HERE,
        choices=PLATE_RENDERS,
        knob="plate_render",
        label="render the plate",
        tooltip="Who renders the plate for the core, where its files will not do. in this Nuke: a few frames at a time, between which you "
        "can work. in the background: a second Nuke without interface, so this one stays free; a render licence has to be at hand. "
        "Where there is none, the status says so and this Nuke renders.",
    )
    version: str = setting(
        "v001",
        knob="version",
        label="version",
        knob_choices=("v001",),
        tooltip="Which version of the mattes shows, and is written by the next Propagate. Version up begins the next one; a former one can "
        "be shown again here.",
    )


@dataclass(frozen=True)
class ShotRequest:
    """Name the plate, what is annotated on it, and what computes. Shared by every request."""

    plate: str
    """`shot.%04d.exr`, `shot.####.exr`, `shot.[1001-1100].exr` or a folder."""
    roto: Optional[str] = None
    """A `.nk` file, Nuke's `curves` text or a roto JSON; exactly one of `roto` and `masks` is given."""
    masks: Optional[str] = None
    """Folder or pattern of index PNGs, or of EXR/PNG with one channel or layer per object; or a folder, or a prefix, per object."""
    roto_node: Optional[str] = None
    """Which Roto node of a `.nk` with several; None when there is one."""
    roto_alpha: Optional[str] = None
    """EXR pattern: the whole roto's alpha on keyframes as the host renders it. Given only when every shape counts; it is then the
    union that comes back on keyframes, and our own raster is compared with it."""
    keyframes: Optional[Tuple[int, ...]] = None
    """Frames that count as annotated; None: those that the annotations have keys on."""
    objects: Optional[Tuple[str, ...]] = None
    """Names of the objects that count, as the answer of a run lists them; None: all. The others are neither learned nor written."""
    absent: Optional[Tuple[str, ...]] = None
    """Frames that do not show an object, as `Absence` writes them: `sleeve:1010-1032`."""
    approved: Optional[str] = None
    """Folder of mattes that the artist has marked as right: they stay as they are, and count as annotations. None: there are none."""
    colorspace: Optional[str] = setting(
        None,
        mattes=True,
        option="--colorspace",
        group="plate",
        metavar="C",
        help=f"{', '.join(COLORSPACES)}, as Nuke or OCIO call them, or ocio:NAME (default: linear for EXR, srgb for 8-bit files)",
        knob="colorspace",
        label="plate colour space",
        knob_choices=(FROM_SCRIPT, *COLORSPACES),
        knob_none=FROM_SCRIPT,
        tooltip="How the plate's pixels are encoded where they enter this node. 'from the script' reads the working space of the project "
        "settings and refuses one that is not known: then convert to ACEScg or linear Rec.709 before this node and choose that.",
    )
    """Encoding of the plate; None: linear for EXR, srgb for 8-bit files."""
    view: Optional[str] = setting(
        None,
        mattes=True,
        option="--view",
        group="plate",
        metavar="NAME",
        help="which view (left), part or layer of the files; stands in for %%V",
    )
    """Which view of the plate, or which part or layer of its files; None: the first. It also stands in for %V and %v in names."""
    model: Optional[str] = setting(
        None,
        mattes=True,
        option="--model",
        group="model",
        metavar="NAME|FILE",
        help="see `xmem-roto models list` (default: the first one there)",
        knob="model",
        label="model",
        knob_choices=("default",),
        knob_none="default",
        tooltip="Which trained model computes. 'default' is the first that is installed. List models asks the core what there is, and "
        "fetches nothing: `xmem-roto models get NAME` does that.",
    )
    """Name of an installed model, or a file; None: the default model."""
    device: str = setting(
        DEVICES[0],
        choices=DEVICES,
        numbered=SEVERAL_DEVICES,
        option="--device",
        group="model",
        help="what computes; cuda:1 is the second CUDA card (default: %(default)s)",
        knob="device",
        label="device",
        knob_choices=(*DEVICES, *(f"{device}:1" for device in SEVERAL_DEVICES)),
        tooltip="What computes. auto: CUDA, else Apple's GPU, else the CPU. cuda:1 is the second card. When the GPU's memory is too small, "
        "lower the working size or choose cpu.",
    )
    gpu_memory: Optional[float] = setting(
        None,
        kind=float,
        least=0.5,
        most=1000,
        refusal="A limit of {value} GB of a GPU's memory is not possible. Choose {least} or more; the network alone takes some of it.",
        option="--gpu-memory",
        group="model",
        metavar="GB",
        help="the most that may be taken of a GPU's memory, where others need some of it (default: what is free)",
    )
    """GB of a GPU's memory that may be taken; None: what is free. A CPU takes no notice."""
    precision: str = setting(
        PRECISIONS[0],
        mattes=True,
        choices=PRECISIONS,
        option="--precision",
        group="model",
        help="how much is rounded; auto: mixed where the device is faster with half the bits (default: %(default)s)",
        knob="precision",
        label="precision",
        tooltip="How much is rounded. auto: mixed where the device is faster with half the bits, else float32. mixed: matching in full "
        "precision, the rest in half the bits. fast: all in half the bits. Mattes of another level are stale, so choose one level for "
        "machines that share a shot; a machine that cannot compute it says so.",
    )
    size: int = setting(
        480,
        mattes=True,
        least=64,  # below, shapes vanish
        most=4096,  # above, no machine has the memory
        refusal="The working size {value} is out of range. Choose {least} to {most} pixels; 480 is usual.",
        option="--size",
        group="model",
        help="short side that the network sees (default: %(default)s)",
        knob="size",
        label="working size",
        tooltip="Short side in pixels of the image that the model sees. 480 is what it was tested at. More finds thin things and costs "
        "time and memory by the square; less is quick for a first look. The mattes always have the plate's resolution.",
    )
    """Short side of the working image, in square pixels."""
    cache: Optional[str] = None
    """Root of the cache; None: $XMEM_ROTO_CACHE, $NUKE_TEMP_DIR, else the platform's cache folder."""
    use_cache: bool = True
    cache_limit: int = 20 * 10**9
    """Bytes that the cache may hold; the least recently used goes first."""
    node_id: Optional[str] = None
    """Stable id of the Nuke node; None: a hash of plate path and object names."""

    def require_possible(self) -> None:
        """Raise RequestError where a setting is out of range, from command line or panel."""
        require_possible(self)

    def require_possible_here(self) -> None:
        """Raise RequestError where a setting is out of range, or a path can mean nothing on the machine that computes."""
        self.require_possible()
        for name, meaning in PATHS.items():
            path = getattr(self, name, None)
            if path is not None:
                _require_path(path, meaning)


@dataclass(frozen=True)
class PropagateRequest(ShotRequest):
    """Fill the frame range with mattes."""

    frames: Optional[str] = setting(
        None,
        option="--frames",
        group="propagate",
        metavar="RANGE",
        help="such as 1001-1100 or 1001-1040x2,1050 (default: every frame of the plate)",
        knob="frame_range",
        label="frame range",
        knob_none="",
        watched=True,
        tooltip="Frames to fill, such as 1001-1100, 1001-1040x2 or 1001-1020,1050. Empty: every frame of the plate. Keyframes outside the "
        "range still teach.",
    )
    """Frame range such as `1001-1100` or `1001-1040x2,1050`; None: every frame of the plate."""
    out: str = setting(
        "mattes/matte.%04d.exr",
        option="--out",
        group="propagate",
        metavar="PATTERN",
        help="(default: mattes/matte.%%04d.exr)",
        knob="output",
        label="output",
        watched=True,
        tooltip="Where the mattes go, such as /shots/a/mattes/matte.%04d.exr; EXR only. Empty: a folder 'mattes' beside the script, with "
        "one folder for each node. Former mattes are replaced frame by frame, never deleted first.",
    )
    mode: str = setting(MODES[0], mattes=True, choices=MODES, option="--mode", group="engine")
    order: str = setting(
        ORDERS[0],
        mattes=True,
        choices=ORDERS,
        option="--order",
        group="engine",
        help="mode xmem is always forward",
        knob="order",
        label="order",
        tooltip="outward: from each keyframe to both sides, meeting in the middle; best for most shots. forward: first frame to last, as "
        "in the papers, with one memory for the whole shot; any change then costs the whole shot.",
    )
    """Mode `xmem` is always forward."""
    temporary_memory: bool = setting(
        True,
        mattes=True,
        option="--no-temporary-memory",
        group="engine",
        help="the annotations alone answer",
        knob="temporary_memory",
        label="temporary memory",
        tooltip="Also remember recent frames of the shot, not the keyframes alone. Off: only your keyframes answer; steadier when the "
        "object barely changes, worse when it turns.",
    )
    augment: bool = setting(
        False,
        mattes=True,
        option="--augment",
        group="engine",
        help="each annotation also enters in eleven variants",
        knob="augment",
        label="augment keyframes",
        tooltip="Also learn each keyframe brightened, blurred, rotated, and so on (eleven variants). Helps with one or two keyframes; "
        "costs memory and time for each keyframe.",
    )
    augmentations: Optional[Tuple[str, ...]] = None
    """Names of single augmentations; None: all eleven. Asked only when `augment` is set."""
    mem_every: Optional[int] = setting(
        None,
        kind=int,
        mattes=True,
        least=1,
        refusal="A memory frame every {value} frames is not possible. Choose 1 or more; 5 is usual.",
        option="--mem-every",
        group="engine",
        metavar="N",
        help="frames from one memory frame to the next",
    )
    """Frames between two memory frames; None: the product's default."""
    confidence: bool = setting(
        False,
        mattes=True,
        option="--confidence",
        group="propagate",
        help="also write a layer confidence.value: 1 sure, 0 guessed",
        knob="confidence",
        label="confidence",
        tooltip="Also write the layer confidence: 1 sure, 0 guessed. Files become larger, because it covers the whole picture.",
    )
    bands: bool = setting(
        False,
        mattes=True,
        option="--bands",
        group="propagate",
        help="also write layers core.value (solid) and edge.value (in between)",
        knob="bands",
        label="core and edge",
        tooltip="Also write the layers core and edge: core is 1 where the matte is solid, edge is 1 where it is in between. One holds a "
        "key closed, the other says where an edge treatment belongs.",
    )
    cryptomatte: bool = setting(
        False,
        mattes=True,
        option="--cryptomatte",
        group="propagate",
        help="also write Cryptomatte layers; needs `bootstrap.py setup --extras cryptomatte`",
        knob="cryptomatte",
        label="cryptomatte",
        tooltip="Also write Cryptomatte layers, so that Nuke's Cryptomatte node picks your shapes by name in the viewer. Needs a package: "
        "bootstrap.py setup --extras cryptomatte.",
    )
    compression: str = setting(
        COMPRESSIONS[0],
        mattes=True,
        choices=COMPRESSIONS,
        option="--compression",
        group="propagate",
        help="of the mattes' EXRs; all keep every bit (default: %(default)s)",
        knob="compression",
        label="compression",
        tooltip="How the mattes' EXRs are packed; no bit is lost. zip: smallest for most mattes. zips: a line at a time, which Nuke reads "
        "fastest. piz: for grainy layers. none: large, and quick on a fast disk.",
    )
    pictures: str = setting(
        PICTURES[0],
        choices=PICTURES,
        option="--pictures",
        group="propagate",
        help="also write PNGs beside the EXRs: png16, 16 bits for each object; index, labels with a palette (default: %(default)s)",
        knob="pictures",
        label="also as PNG",
        tooltip="Also write the mattes as PNGs, in a folder 'png' beside the EXRs. png16: a sequence of 16 bits for each object. index: "
        "one sequence with a palette, each pixel the number of its object, 0 for none.",
    )
    edges: str = setting(
        EDGES[0],
        mattes=True,
        choices=EDGES,
        option="--edges",
        group="engine",
        help="refined: edges are solved again from the plate at its own resolution; matting: pixel by pixel, for hair, seconds a frame, "
        "needs `bootstrap.py setup --extras matting`; plain: the matte is enlarged (default: %(default)s)",
        knob="edges",
        label="edges",
        tooltip="refined: where the matte is undecided, the plate says at its own resolution where the edge runs; everywhere else the "
        "matte is solid. matting: the same pixel by pixel, for hair; it takes seconds a frame and a package: bootstrap.py setup --extras "
        "matting. plain: the model's matte, enlarged; softer, for shots whose colours say nothing (smoke, darkness).",
    )
    """Plain mode always uses plain edges."""
    crop: str = setting(
        CROPS[0],
        mattes=True,
        choices=CROPS,
        option="--crop",
        group="engine",
        help="auto: small objects are computed in a window that follows them, at the same working size; off: always the whole frame "
        "(default: %(default)s)",
        knob="crop",
        label="crop",
        tooltip="auto: where your shapes are small in the frame, the model looks at a window around them that follows them, at the same "
        "working size, so it sees them larger. A quick pass over the whole frame finds where they go; where it loses them, or they fill "
        "the frame, the whole frame is computed. off: always the whole frame; a changed plate frame then makes fewer mattes stale.",
    )
    """Plain mode never crops."""
    second_look: bool = setting(
        True,
        mattes=True,
        option="--no-second-look",
        group="engine",
        help="see each frame once; else, where the next key is far, the bundled model sees it in half the size too, for what it loses at "
        "the full one, which takes a fifth longer",
    )
    """Plain mode looks once, and so do networks of the official widths, and all below `plan.LEAST_SECOND_LOOK`."""
    carry: bool = setting(
        True,
        mattes=True,
        option="--no-carry",
        group="engine",
        help="do not carry what the network misses of a keyed shape to the frames around it",
        knob="carry",
        label="carry keys",
        tooltip="What the model does not find of your own shape on a keyed frame (a strap, the exact line of a sleeve) goes along with the "
        "picture's motion to the frames around, and fades. So a matte does not pop at a keyframe. Off: the model's own mattes.",
    )
    """Plain mode carries nothing."""
    steady: bool = setting(
        False,
        mattes=True,
        option="--steady",
        group="engine",
        help="average undecided edges with the neighbouring frames along the motion",
        knob="steady",
        label="steady edges",
        tooltip="Where the matte is undecided, average it with two frames before and after along the motion: edges tremble less. "
        "Solid and empty parts and keyed frames stay as they are. Costs two frames more at each end of a range.",
    )
    """Plain mode averages nothing."""
    viewer_frame: Optional[int] = setting(
        None, kind=int, option="--viewer-frame", group="propagate", metavar="F", help="compute the gap that holds this frame first"
    )
    chunk: Optional[str] = setting(
        None, option="--chunk", group="workers", metavar="I/N", help="fill only the I-th of N chunks of whole gaps, such as 2/5"
    )
    """One of the chunks that `xmem-roto plan --workers N` lists, for one of several workers; None: all that is wanted."""
    wait: float = setting(
        2.0,
        least=0,
        most=LONGEST_WAIT_SECONDS,
        option="--wait",
        group="workers",
        metavar="SECONDS",
        help="how long others who work at the same mattes are waited for; then exit code 75 (default: %(default)g)",
    )
    report: Optional[str] = setting(None, option="--report", group="propagate", metavar="PNG", help="draw a contact sheet of the result")
    """Path of a contact sheet (PNG) to draw; None: none."""
    plain: bool = setting(
        False, mattes=True, option="--plain", group="engine", help="compute exactly as the papers describe: slow, for comparison"
    )
    """Compute exactly as the papers describe; slow, for comparison."""
    learn: float = setting(
        0.0,
        mattes=True,
        least=0,
        most=LONGEST_LEARNING_SECONDS,
        refusal="Learning for {value} seconds is not possible. Choose {least} to {most}; 30 and 120 are usual.",
        option="--learn",
        group="engine",
        metavar="SECONDS",
        help="learn this shot's keyframes first, where that helps: 30 or 120 are usual (default: off)",
        knob="learn",
        label="learn this shot",
        knob_choices=("off", "30 s", "2 min"),
        knob_values=(0.0, 30.0, 120.0),
        tooltip="How long the network may learn from your keyframes before it propagates them. It tests itself on keyframes that it holds "
        "back, and changes nothing where that does not help. Needs two keyframes that show the object.",
    )
    """Seconds, in [0, 3600], that the network may learn this shot's keyframes before it propagates them; 0: not at all. They become a
    number of steps, so that equal wishes give equal mattes; a quick machine needs less time for them."""

    def require_possible(self) -> None:
        """Raise RequestError where a setting is out of range, or two exclude each other."""
        super().require_possible()
        if self.learn and self.plain:
            raise RequestError("Plain mode computes as the papers describe, and these learn nothing of a shot. Leave out one of the two.")


@dataclass(frozen=True)
class SuggestRequest(ShotRequest):
    """Name the next frames worth keying."""

    mattes: Optional[str] = setting(
        None,
        option="--mattes",
        group="suggest",
        metavar="DIR",
        help="mattes of an earlier propagate; without them alpha is 0",
    )
    """Folder or pattern of mattes of an earlier propagate; None: alpha is 0."""
    count: int = setting(
        5,
        least=1,
        refusal="{value} suggestions are not possible. Ask for {least} or more; 5 is usual.",
        option="--count",
        group="suggest",
        help="(default: %(default)s)",
        knob="suggest_count",
        label="suggest",
        tooltip="How many frames Suggest frames names.",
    )
    alpha: float = setting(
        0.5,
        least=0,
        most=1,
        refusal="An alpha of {value} is not possible. Choose {least} to {most}; 0.5 is usual.",
        option="--alpha",
        group="suggest",
        help="weight of what lies under the matte (default: %(default)s)",
        knob="suggest_alpha",
        label="look at",
        tooltip="What frames are compared by, where 'choose by' is published: 0 the whole picture, 1 the object only (alpha of XMem++, "
        "Algorithm 1). Without mattes it is 0.",
    )
    """Weight of the masked key in the composite key (XMem++, Algorithm 1)."""
    min_pixels: int = setting(
        9,
        least=0,
        refusal="A least of {value} pixels is not possible. Choose {least} or more; 9 is usual.",
        option="--min-pixels",
        group="suggest",
        metavar="N",
        help="leave out frames whose matte has fewer at working size (default: %(default)s)",
    )
    object: Optional[str] = setting(
        None,
        option="--object",
        group="suggest",
        metavar="NAME",
        help="suggest for this object (default: all together)",
        knob="suggest_object",
        label="suggest for",
        knob_choices=(ALL_OBJECTS,),
        knob_none=ALL_OBJECTS,
        tooltip="Suggest for this object, or for all of them.",
    )
    method: str = setting(
        METHODS[0],
        choices=METHODS,
        refusal="There is no method {value!r} to suggest frames. Choose one of: {choices}.",
        option="--method",
        group="suggest",
        help="how frames are chosen (default: %(default)s)",
        knob="suggest_method",
        label="choose by",
        tooltip="coverage: the frame whose key takes away most of what is expected to be wrong, with reasons. published: the frame that "
        "looks least like the keyed ones, as in the paper. uniform: evenly spaced. random: by lot.",
    )
    seed: int = setting(0, least=0, option="--seed", group="suggest", help="of --method random")
    frames: Optional[str] = setting(
        None,
        option="--frames",
        group="suggest",
        metavar="RANGE",
        help="suggest only some of these (default: every frame of the plate)",
    )
    """Frame range of which frames are suggested; None: every frame of the plate."""


@dataclass(frozen=True)
class FitRequest(ShotRequest):
    """Move the roto's own shapes onto the matte of a frame."""

    mattes: str = setting("", option="--mattes", group="fit", metavar="DIR", help="mattes of a propagate (required)")
    """Folder or pattern of the mattes."""
    frame: int = setting(0, option="--frame", group="fit", metavar="F", help="frame whose matte the shapes are moved onto (required)")
    out: Optional[str] = setting(
        "fitted.json",
        option="--out",
        group="fit",
        metavar="FILE",
        help="roto JSON to write, with this key and all others that count, see --keyframes, for the next runs (default: %(default)s)",
    )
    """None: nothing is written."""


@dataclass(frozen=True)
class ApproveRequest:
    """Mark mattes as right, or take that back."""

    mattes: str
    """Folder or pattern of the mattes."""
    frames: str
    """Frame range."""
    objects: Optional[Tuple[str, ...]] = None
    """Names of the objects whose mattes are meant; None: all that the mattes have."""
    approved: Optional[str] = None
    """Folder of the copies; None: `approved` beside the mattes."""
    undo: bool = False
    """Take the mark back: the copies are deleted, the mattes stay until the next run."""
    rename: Optional[str] = None
    """Nothing is approved or taken back: what is approved of the one object counts for the object of this name from then on."""

    def require_possible_here(self) -> None:
        """Raise RequestError where a path can mean nothing on this machine, or the new name is empty."""
        _require_path(self.mattes, PATHS["mattes"])
        if self.approved is not None:
            _require_path(self.approved, PATHS["approved"])
        if self.rename is not None and not self.rename.strip():
            raise RequestError("The new name of the object is empty (--rename). Write what it is called in the roto now.")


def _require_path(path: str, meaning: str) -> None:
    """Raise RequestError for a path that means something else here than where it was written."""
    if not path.strip():
        # As a path, nothing is the folder that the program runs in.
        raise RequestError(f"The {meaning} is empty. Name a file or folder.")
    if of_windows(path) and os.name != "nt":
        # As a path of this machine it is one long file name.
        raise RequestError(f"The {meaning} is {cut(path, 200)}, a path of Windows. Write what this machine calls it.")
