"""What an artist can ask of the core. The command line and the worker fill in the same requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from xmemcore.protocol.failures import RequestError

LONGEST_LEARNING_SECONDS = 3600
SMALLEST_SIZE, LARGEST_SIZE = 64, 4096
"""Of the working image's short side: below, nothing is left of a shape; above, no machine holds it."""

METHODS = ("coverage", "published", "uniform", "random")
"""Strategies that choose frames to key; `engine.selection` has what they do."""


class SettingUnknown(RequestError):
    """A setting has a value that does not exist."""


def require_size(size: int) -> None:
    """Raise SettingUnknown unless a network can work at this size, whoever asks for it."""
    if not SMALLEST_SIZE <= size <= LARGEST_SIZE:
        raise SettingUnknown(f"The working size {size} is out of range. Choose {SMALLEST_SIZE} to {LARGEST_SIZE} pixels; 480 is usual.")


@dataclass(frozen=True)
class ShotRequest:
    """Name the plate, what is annotated on it, and what computes. Shared by every request."""

    plate: str
    """`shot.%04d.exr`, `shot.####.exr`, `shot.[1001-1100].exr` or a folder."""
    roto: Optional[str] = None
    """A `.nk` file, Nuke's `curves` text or a roto JSON; exactly one of `roto` and `masks` is given."""
    masks: Optional[str] = None
    """Folder or pattern of index PNGs, or of EXR/PNG with one channel or layer per object."""
    roto_node: Optional[str] = None
    """Which Roto node of a `.nk` with several; None when there is one."""
    roto_alpha: Optional[str] = None
    """EXR pattern: the whole roto's alpha on keyframes as the host renders it. Given only when every shape counts; it is then the
    union that comes back on keyframes, and our own raster is compared with it."""
    keyframes: Optional[Tuple[int, ...]] = None
    """Frames that count as annotated; None: those that the annotations have keys on."""
    objects: Optional[Tuple[str, ...]] = None
    """Names of the objects that count, as the answer of a run lists them; None: all. The others are neither learned nor written."""
    colorspace: Optional[str] = None
    """Encoding of the plate; None: linear for EXR, srgb for 8-bit files."""
    view: Optional[str] = None
    """Which view of the plate, or which part of its files; None: the first. It also stands in for %V and %v in names."""
    model: Optional[str] = None
    """Name of an installed model, or a file; None: the default model."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    precision: str = "auto"
    """auto, float32, mixed or fast: how much is rounded. auto is mixed where the device is faster with half the bits, else float32."""
    size: int = 480
    """Short side of the working image, in square pixels."""
    cache: Optional[str] = None
    """Root of the cache; None: $XMEM_ROTO_CACHE, $NUKE_TEMP_DIR, else the platform's cache folder."""
    use_cache: bool = True
    cache_limit: int = 20 * 10**9
    """Bytes that the cache may hold; the least recently used goes first."""
    node_id: Optional[str] = None
    """Stable id of the Nuke node; None: a hash of plate path and object names."""


@dataclass(frozen=True)
class PropagateRequest(ShotRequest):
    """Fill the frame range with mattes."""

    frames: Optional[str] = None
    """Frame range such as `1001-1100` or `1001-1040x2,1050`; None: every frame of the plate."""
    out: str = "mattes/matte.%04d.exr"
    mode: str = "xmem++"
    """`xmem++` or `xmem`."""
    order: str = "outward"
    """`outward` or `forward`; mode `xmem` is always forward."""
    temporary_memory: bool = True
    augment: bool = False
    augmentations: Optional[Tuple[str, ...]] = None
    """Names of single augmentations; None: all eleven. Asked only when `augment` is set."""
    mem_every: Optional[int] = None
    """Frames between two memory frames; None: the product's default."""
    confidence: bool = False
    """Also write `confidence.value`."""
    viewer_frame: Optional[int] = None
    """The gap that holds this frame is computed first."""
    report: Optional[str] = None
    """Path of a contact sheet (PNG) to draw; None: none."""
    plain: bool = False
    """Compute exactly as the papers describe; slow, for comparison."""
    learn: float = 0.0
    """Seconds, in [0, 3600], that the network may learn this shot's keyframes before it propagates them; 0: not at all. They become a
    number of steps, so that equal wishes give equal mattes; a quick machine needs less time for them."""

    def require_learning(self) -> None:
        """Raise SettingUnknown unless the shot can be learned for so long, whichever door the wish came through."""
        if not 0 <= self.learn <= LONGEST_LEARNING_SECONDS:
            raise SettingUnknown(
                f"Learning for {self.learn} seconds is not possible. Choose 0 to {LONGEST_LEARNING_SECONDS}; 30 and 120 are usual."
            )
        if self.learn and self.plain:
            raise SettingUnknown("Plain mode computes as the papers describe, and these learn nothing of a shot. Leave out one of the two.")


@dataclass(frozen=True)
class SuggestRequest(ShotRequest):
    """Name the next frames worth keying."""

    mattes: Optional[str] = None
    """Folder or pattern of mattes of an earlier propagate; None: alpha is 0."""
    count: int = 5
    alpha: float = 0.5
    """Weight of the masked key in the composite key, in [0, 1] (XMem++, Algorithm 1)."""
    min_pixels: int = 9
    """Frames whose mask has fewer pixels at working size are left out."""
    object: Optional[str] = None
    """Suggest for this object; None: for the union of all."""
    method: str = METHODS[0]
    """How frames are chosen."""
    seed: int = 0
    """Of the method `random`."""
    frames: Optional[str] = None
    """Frame range of which frames are suggested; None: every frame of the plate."""

    def require_possible(self) -> None:
        """Raise SettingUnknown where a setting is out of range, whichever door it came through."""
        require_size(self.size)
        if self.method not in METHODS:
            raise SettingUnknown(f"There is no method {self.method!r} to suggest frames. Choose one of: {', '.join(METHODS)}.")
        if self.count < 1:
            raise SettingUnknown(f"{self.count} suggestions are not possible. Ask for 1 or more; {SuggestRequest.count} is usual.")
        if not 0 <= self.alpha <= 1:
            raise SettingUnknown(f"An alpha of {self.alpha} is not possible. Choose 0 to 1; {SuggestRequest.alpha} is usual.")
        if self.min_pixels < 0:
            raise SettingUnknown(
                f"A least of {self.min_pixels} pixels is not possible. Choose 0 or more; {SuggestRequest.min_pixels} is usual."
            )
