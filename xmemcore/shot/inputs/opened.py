"""The first step of a propagate: plate, annotations, model and places opened and checked. Nothing is computed and nothing written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from xmemcore.network.catalogue import Model, resolve, verify
from xmemcore.protocol.names import layer_names
from xmemcore.protocol.places import cache_root
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.protocol.version import VERSION
from xmemcore.shot.annotations.host_alpha import HostAlpha
from xmemcore.shot.annotations.mask_folders import mask_sequences
from xmemcore.shot.files.sequence import Sequence
from xmemcore.shot.inputs.approved import approved_paths
from xmemcore.shot.inputs.inputs import Shot, open_shot, wanted_indices
from xmemcore.shot.machine.device import choose_precision
from xmemcore.shot.mattes import cryptomatte, matting
from xmemcore.shot.mattes.mattes import MatteWriter, Passes, matte_pattern, require_inputs_kept, require_objects_kept
from xmemcore.shot.mattes.pictures import picture_paths, require_pictures_possible
from xmemcore.shot.plate.frame_source import Encoding, PlateContent
from xmemcore.shot.store.cache import node_folder
from xmemcore.shot.store.state import NodeManifest


@dataclass(frozen=True)
class Places:
    """Where a propagate writes."""

    out: Path
    """Pattern of the mattes."""
    cache: Path
    """Root of the cache."""
    node_id: str
    caching: bool
    """Whether the cache is used at all."""

    @property
    def node(self) -> Path:
        """The node's own folder in the cache."""
        return node_folder(self.cache, self.node_id)


@dataclass(frozen=True)
class OpenedShot:
    """A propagate's inputs and outputs."""

    request: PropagateRequest
    shot: Shot
    wanted: list[int]
    """Indices that are to have a matte, ascending."""
    missing: list[int]
    """Frames that were asked for and have no plate."""
    model: Model
    content: PlateContent
    """The working image of each plate frame, and its hash."""
    host_alpha: HostAlpha | None
    """The host's own renders of the roto."""
    writer: MatteWriter
    places: Places
    last: NodeManifest | None
    """Manifest of the node's last run, which names its inputs; None where there is none."""

    @property
    def model_sha256(self) -> str:
        """Hash of the model's file."""
        return self.content.encoding.model_sha256

    @property
    def precision(self) -> str:
        """Level at which the network computes."""
        return self.content.encoding.precision

    @property
    def layers(self) -> list[str]:
        """Name of each object's layer."""
        return layer_names(self.shot.annotations.objects)

    def matte_path(self, index: int) -> Path:
        """Name the matte of a plate index."""
        return self.writer.path(self.shot.plate.frames[index])


def open_propagate(request: PropagateRequest) -> OpenedShot:
    """Open everything that a propagate reads, and see that nothing of it would be replaced.

    Raises:
        RequestError, MachineError.
    """
    request.require_possible_here()
    shot = open_shot(request)
    plate, annotations = shot.plate, shot.annotations
    wanted, missing = wanted_indices(plate, request.frames)
    model = resolve(request.model)
    encoding = Encoding(
        verify(model),
        request.size,
        "published" if request.plain else "area",
        plate.encoding,
        plate.canvas.key,
        precision=choose_precision(request.precision, request.device, request.plain),
        exact=request.plain,
    )
    out = matte_pattern(request.out)
    report = Path(request.report).expanduser().absolute() if request.report else None
    frames, layers = [plate.frames[index] for index in wanted], layer_names(annotations.objects)
    pictures = [path for frame in frames for path in picture_paths(out, layers, frame, request.pictures)]
    require_inputs_kept(out, frames, report, files_read(request, plate.sequence, model), pictures)
    require_pictures_possible(out, layers, frames, request.pictures)
    if request.objects is not None:
        require_objects_kept(out, frames, annotations.originals)
    if request.cryptomatte:
        cryptomatte.require_usable()
    if matting.wanted(request):
        matting.version()  # refuses where there is none
    passes = Passes(request.bands, request.cryptomatte, request.compression)
    metadata = {
        "xmem/version": VERSION,
        "xmem/model": f"{model.name} {encoding.model_sha256[:16]}",
        "xmem/plate": plate.sequence.pattern,
        "xmem/annotations": str(Path(request.roto or request.masks or "").expanduser().absolute()),
    }
    places = Places(out, cache_root(request.cache), request.node_id or shot.default_node_id(), request.use_cache and not request.plain)
    last = NodeManifest.load(places.node) if places.caching else None
    known = (last.plate_files if last else {}) if places.caching else None
    return OpenedShot(
        request,
        shot,
        wanted,
        missing,
        model,
        PlateContent(plate, encoding, known),
        HostAlpha(request.roto_alpha, plate.canvas) if request.roto_alpha else None,
        MatteWriter(out, plate.canvas, list(zip(layers, annotations.originals)), metadata, passes),
        places,
        last,
    )


def files_read(request: PropagateRequest, plate: Sequence, model: Model) -> list[Path]:
    """List the files that a propagate reads; raises RequestError."""
    read = [*plate.paths.values(), model.path]
    if request.roto:
        read.append(Path(request.roto).expanduser().absolute())
    if request.masks:
        masks = mask_sequences(request.masks, request.view, plate)
        read += [path for sequence in masks.values() for path in sequence.paths.values()]
    if request.roto_alpha:
        read += Sequence.find(request.roto_alpha, "roto alpha").paths.values()
    if request.approved:
        read += approved_paths(request.approved)
    return read
