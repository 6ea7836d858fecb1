"""A propagate before it runs: the inputs opened, the gaps planned, and for every matte the hash of what it depends on."""

from __future__ import annotations

from dataclasses import asdict, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from xmemcore.engine.config import EngineConfig
from xmemcore.engine.learning import LearningConfig, steps_for
from xmemcore.engine.propagation import permanent_indices, plan
from xmemcore.memory.config import MemoryConfig
from xmemcore.network.catalogue import resolve, verify
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.names import layer_names
from xmemcore.protocol.places import cache_root
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.protocol.result_file import MatteRecord, ResultFile
from xmemcore.protocol.version import VERSION
from xmemcore.shot.annotations.host_alpha import HostAlpha
from xmemcore.shot.annotations.mask_folders import mask_sequences
from xmemcore.shot.annotations.objects import Group, competition_groups
from xmemcore.shot.approved import approved_paths
from xmemcore.shot.device import choose_precision
from xmemcore.shot.files.sequence import Sequence
from xmemcore.shot.inputs import open_shot, wanted_indices
from xmemcore.shot.learned import LearnedStore, LearningPlan, learning_inputs
from xmemcore.shot.mattes import matte_proof
from xmemcore.shot.mattes.mattes import MatteWriter, matte_pattern, require_inputs_kept
from xmemcore.shot.mattes.steps import chain_of, keys_of
from xmemcore.shot.plate.frame_source import Encoding, PlateContent
from xmemcore.shot.signatures import GroupSignatures
from xmemcore.shot.store.cache import FORMAT, digest, node_folder
from xmemcore.shot.store.state import NodeManifest


class NothingShown(RequestError):
    """Frames are annotated, but no object is seen on any of them."""


class ShotPlan:
    """Everything about a propagate that no network is needed for."""

    def __init__(self, request: PropagateRequest) -> None:
        self.request = request
        self.config = engine_config(request)
        shot = open_shot(request)
        self.plate, self.annotations = shot.plate, shot.annotations
        self.host_alpha = HostAlpha(request.roto_alpha, self.plate.canvas) if request.roto_alpha else None
        self.wanted, self.missing = wanted_indices(self.plate, request.frames)
        self.layers = layer_names(self.annotations.objects)
        self.model = resolve(request.model)
        self.model_sha256 = verify(self.model)
        self.out = matte_pattern(request.out)
        report = Path(request.report).expanduser().absolute() if request.report else None
        require_inputs_kept(self.out, [self.plate.frames[index] for index in self.wanted], report, self._inputs())
        self.node_id = request.node_id or shot.default_node_id()
        self.root = cache_root(request.cache)
        self.node = node_folder(self.root, self.node_id)
        self.caching = request.use_cache and not request.plain
        self.precision = choose_precision(request.precision, request.device, request.plain)
        self.encoding = Encoding(
            self.model_sha256,
            request.size,
            "published" if request.plain else "area",
            self.plate.encoding,
            self.plate.canvas.key,
            precision=self.precision,
            exact=request.plain,
        )
        self.last = NodeManifest.load(self.node) if self.caching else None
        """What the node's last run was made of."""
        self.content = PlateContent(self.plate, self.encoding, self.last.plate_files if self.last else None)
        padding = self.content.padding
        self.groups = competition_groups(self.annotations, shot.indices, (padding.height, padding.width), self.encoding.resampling)
        unseen = sorted(obj for group in self.groups for obj in group.unseen())
        names = ", ".join(self.annotations.objects[obj] for obj in unseen[:10])
        if len(unseen) == len(self.annotations.objects):
            raise NothingShown(f"No keyframe shows {names}: absent everywhere, or off the plate. Key a frame on which it is seen.")
        self.warnings = (*self.plate.warnings, *self.annotations.warnings)
        if unseen:
            self.warnings += (f"No keyframe shows {names}: absent everywhere, or off the plate. Nothing can be found of it.",)
        self.gaps = [plan(len(self.plate.frames), group.annotations, len(group.objects), self.config) for group in self.groups]
        self.learning_config = LearningConfig(steps=steps_for(request.learn)) if request.learn else None
        self.chain = chain_of(request, self.plate.canvas)
        self.record = ResultFile(self.out)
        self.unproven: dict[int, str] = {}
        """By frame, the version that a matte says it is of, although its bytes prove nothing: it is of 0.2.0 or older, or damaged."""
        self.writer = MatteWriter(self.out, self.plate.canvas, list(zip(self.layers, self.annotations.originals)), self._metadata())

    def _inputs(self) -> list[Path]:
        """List the files that this propagate reads."""
        request = self.request
        read = [*self.plate.sequence.paths.values(), self.model.path]
        if request.roto:
            read.append(Path(request.roto).expanduser().absolute())
        if request.masks:
            masks = mask_sequences(request.masks, request.view, self.plate.sequence)
            read += [path for sequence in masks.values() for path in sequence.paths.values()]
        if request.roto_alpha:
            read += Sequence.find(request.roto_alpha, "roto alpha").paths.values()
        if request.approved:
            read += approved_paths(request.approved)
        return read

    @cached_property
    def learning(self) -> LearningPlan | None:
        """What is to be learned of the shot; None where nothing was asked for."""
        if self.learning_config is None:
            return None
        inputs = learning_inputs(self.learning_config, self.content, self.groups)
        return LearnedStore(self.root, self.node_id).plan(inputs) if self.caching else LearningPlan(inputs, None)

    @cached_property
    def learned(self) -> str | None:
        """The hash of the tuned weights that compute the mattes; None for the model as it is. A run says it as soon as it knows;
        before that, what is not learned yet counts as if it helped."""
        if self.learning is None:
            return None
        found = LearnedStore(self.root, self.node_id).load(self.learning.hash) if self.caching else None
        return self.learning.hash if found is None or found.used else None

    @cached_property
    def memory_keys(self) -> list[dict[int, str]]:
        """For every group, by permanent index, the hash of what that annotation's memory is made of."""
        return [
            {index: self._memory_key(group, index) for index in permanent_indices(group.annotations, self.config)} for group in self.groups
        ]

    @cached_property
    def _signatures(self) -> list[GroupSignatures]:
        return [GroupSignatures(self._base_signature(number), gaps, self.content.digest) for number, gaps in enumerate(self.gaps)]

    def signature(self, index: int) -> str:
        """Hash what a matte depends on. Where every object is keyed, that is the artist's own mattes; a predicted one keeps the
        plate path that it was computed from in its metadata, when the plate is moved."""
        frame = self.plate.frames[index]
        known = self.annotations.known(frame)
        keyed = [self.annotations.signature(frame, obj) for obj in sorted(known)]
        absent = self.annotations.absent(frame) - known
        complete = len(known | absent) == len(self.annotations.objects)
        predicted = [] if complete else [signatures.of(index) for signatures in self._signatures]
        parts = [FORMAT, self.layers, self.plate.canvas.key, self.request.confidence, keyed, predicted]
        if complete:
            # The network has no part in these mattes; their metadata name it all the same, and a rewrite is cheap.
            parts.append(self.model_sha256)
        if absent:
            parts.append(["absent", *sorted(absent)])
        if keys_of(self.chain) and not complete:
            parts.append(["steps", *keys_of(self.chain)])
        if complete and self.host_alpha is not None and frame in self.host_alpha.frames:
            parts.append(self.host_alpha.signature(frame))
        return digest(*parts)

    def up_to_date(self, index: int) -> MatteRecord | None:
        """Give the record of a frame's matte when the file on disk is what this propagate would write, by its own word."""
        found = matte_proof.read(self.writer.path(self.plate.frames[index]))
        if found is not None and found.record is None and found.version is not None:
            self.unproven[self.plate.frames[index]] = found.version
        # The signature may have to read the plate; a frame without a proof is not worth that.
        if found is None or found.record is None or found.record.signature != self.signature(index):
            return None
        return found.record

    def settings(self) -> dict[str, Any]:
        """Name what the artist chose, as JSON keeps it."""
        engine = asdict(self.config)
        memory = engine.pop("memory")
        learning = {"learn": self.request.learn} if self.request.learn else {}
        return {
            "size": self.request.size,
            "colorspace": self.plate.colorspace,
            "precision": self.precision,
            "confidence": self.request.confidence,
            **engine,
            **memory,
            **learning,
        }

    def annotation_signatures(self) -> dict[int, dict[str, str]]:
        """By keyframe and object, the hash of what the artist made."""
        objects = self.annotations.objects
        return {
            frame: {objects[obj]: self.annotations.signature(frame, obj) for obj in sorted(self.annotations.known(frame))}
            for frame in self.annotations.keyframes
        }

    def absent_objects(self) -> dict[int, list[str]]:
        """By frame of the range, the objects that the artist's word makes absent there, where there are any."""
        objects = self.annotations.objects
        absent = {frame: sorted(self.annotations.absent(frame)) for frame in (self.plate.frames[index] for index in self.wanted)}
        return {frame: [objects[obj] for obj in hidden] for frame, hidden in absent.items() if hidden}

    def _memory_key(self, group: Group, index: int) -> str:
        augmentation = (self.config.augment, self.config.augmentations, self.config.rotation_degrees)
        parts = (FORMAT, self.content.digest(index), group.signatures[index], len(group.objects), augmentation)
        # Only where there is something: what was kept before there was such a thing stays valid.
        return digest(*parts, *([self.learned] if self.learned else []))

    def _base_signature(self, number: int) -> str:
        group = self.groups[number]
        parts = (FORMAT, asdict(self.config), vars(self.encoding), self.memory_keys[number], group.signatures, len(group.objects))
        return digest(*parts, *([self.learned] if self.learned else []))

    def _metadata(self) -> dict[str, str]:
        return {
            "xmem/version": VERSION,
            "xmem/model": f"{self.model.name} {self.model_sha256[:16]}",
            "xmem/plate": self.plate.sequence.pattern,
            "xmem/annotations": str(Path(self.request.roto or self.request.masks or "").expanduser().absolute()),
        }


def engine_config(request: PropagateRequest) -> EngineConfig:
    """Turn a request's settings into the engine's: those of one name.

    Raises:
        SettingUnknown.
    """
    request.require_possible()
    shared = {field.name: getattr(request, field.name) for field in fields(EngineConfig) if hasattr(request, field.name)}
    chosen = {name: value for name, value in shared.items() if value is not None}  # None: as the engine has it
    return EngineConfig(**chosen, boxes=not request.plain, reuse=not request.plain, memory=MemoryConfig(dense=request.plain))
