"""A core that plays: the real wire and queue, mattes that are boxes around the roto's points. For tests of the plugin alone.

$PRETEND says how it behaves: `die`, `hang` or `disk` after three frames; `slow` takes its time; empty does its job.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from xmemcore.worker.wire import Wire

FORMAT = (64, 48)


def work(request, listener):
    from xmemcore.protocol.messages import Approve, Clear, Fit, Models, Propagate, Status, Suggest
    from xmemcore.protocol.results import Cleared, ModelEntry, ModelList, NodeStatus, Suggestion, SuggestResult

    if isinstance(request, Propagate):
        return propagate(request.request, listener)
    if isinstance(request, Suggest):
        frames = plate_frames(request.request.plate)
        (Path(os.environ["XMEM_ROTO_CACHE"]) / "asked.json").write_text(json.dumps(asdict(request.request)))
        suggestions = tuple(
            Suggestion(frame, 1.0 / (1 + index), frames[0], "The object is turned away here.", wrong=True)
            for index, frame in enumerate(frames[-1 : -1 - request.request.count : -1])
        )
        return SuggestResult(suggestions, request.request.object, {}, f"{len(suggestions)} frames.", (), 0, 0.0)
    if isinstance(request, Fit):
        return fit(request.request)
    if isinstance(request, Approve):
        from xmemcore.shot.inputs.approved import approve

        return approve(request.request)
    if isinstance(request, Status):
        return NodeStatus(request.request.node_id, 10, (), (1,), (), 1, 1, 1)
    if isinstance(request, Models):
        return ModelList((ModelEntry("compact", "small", "Apache-2.0 & more", installed=True),))
    assert isinstance(request, Clear)
    return Cleared()


def fit(request):
    """Move every shape of the nearest key by two pixels to the right and one up."""
    from xmemcore.curves import SentRoto, read_tree
    from xmemcore.protocol.results import FitResult, FittedObject
    from xmemcore.roto.fit import moved
    from xmemcore.roto.nuke_roto import objects_of

    sent, found = SentRoto.parse(Path(request.roto).read_text()), []
    rotos = [(name, read_tree(text)) for name, text in sent.rotos]
    for obj in objects_of(rotos, sent.union, sent.keyframes, sent.absent, sent.taken):
        if request.objects is None or obj.name in request.objects:
            start = min(obj.keyframes, key=lambda frame: abs(frame - request.frame))
            shapes = [moved(shape, shape.points[:, 0] + [2, 1]) for shape in obj.at(start)]
            found.append(FittedObject(obj.name, start, 0.98, tuple(obj.own(start, request.frame, shapes))))
    return FitResult(request.frame, request.out, tuple(found), (), 0.1)


def propagate(request, listener):
    import numpy as np
    import OpenEXR

    from xmemcore.protocol.failures import Cancelled
    from xmemcore.protocol.results import PropagateResult

    names = object_names(request)
    frames = wanted(request)
    behaviour = os.environ.get("PRETEND", "")
    signature, done = str(time.time_ns()), []
    Path(request.out).parent.mkdir(parents=True, exist_ok=True)
    (Path(request.out).parent / "request.json").write_text(json.dumps(asdict(request)))
    for number, frame in enumerate(sorted(frames, key=lambda f: abs(f - (request.viewer_frame or 0)))):
        if number == 3 and behaviour == "die":
            print("Segmentation fault in libpretend.so", file=sys.stderr, flush=True)
            os._exit(139)
        if number == 3 and behaviour == "disk":
            raise OSError(errno.ENOSPC, "No space left on device", request.out % frame)
        while number == 3 and behaviour == "hang":
            time.sleep(60)
        if listener.cancelled():
            keep_result(Path(request.out), done, names, signature)
            raise Cancelled("stopped")
        if behaviour == "slow":
            time.sleep(0.25)
        channels = {}
        union = np.zeros(FORMAT[::-1], np.float16)
        for index, name in enumerate(names):
            alpha = np.zeros(FORMAT[::-1], np.float16)
            alpha[8 + index : 24, 8 : 8 + 4 * (index + 1)] = 1.0
            channels[f"{name}.alpha"] = alpha
            union = np.maximum(union, alpha)
        channels["A"] = union
        if request.bands:
            channels["core.value"] = channels["edge.value"] = union
        path = Path(request.out % frame)
        header = {"compression": OpenEXR.ZIPS_COMPRESSION, "type": OpenEXR.scanlineimage, "xmem/signature": signature}
        if request.cryptomatte:
            from xmemcore.shot.mattes import cryptomatte

            channels.update(cryptomatte.ranked(names, [channels[f"{name}.alpha"] for name in names], FORMAT[::-1]).channels())
            header.update(cryptomatte.metadata(names))
        with OpenEXR.File(header, channels) as file:
            file.write(str(path) + ".part")
        os.replace(str(path) + ".part", str(path))
        done.append(frame)
        listener.frame_done(frame, path)
        listener.progress(number + 1, len(frames))
    keep_result(Path(request.out), frames, names, signature)
    written, names = tuple(frames), tuple(names)
    return PropagateResult(request.out, written, written, (), (), names, names, 0, 0, 0.0, "pretend", "float32", request.node_id, ())


def object_names(request):
    from xmemcore.curves import SentRoto, objects_of, read_tree

    if not request.roto:
        return ["alpha"]
    sent = SentRoto.parse(Path(request.roto).read_text())
    return [obj.name for obj in objects_of([(name, read_tree(text)) for name, text in sent.rotos], sent.union, sent.taken)]


def keep_result(out, frames, layers, signature):
    """Say of each matte what the core says of it, those of former runs included; every run signs its own. Frame 1006 is a bad one."""
    path = out.parent / "result.json"
    mattes = json.loads(path.read_text())["mattes"] if path.is_file() else {}
    former = mattes.get(out.name, {"frames": {}})["frames"]
    records = {
        str(frame): {
            "bytes": Path(str(out) % frame).stat().st_size,
            "signature": signature,
            "keyframe": False,
            "areas": [0.02 * (place + 1) for place in range(len(layers))],
            "confidence": 0.5 if frame == 1006 else 0.9,
            "sureness": [0.5 if frame == 1006 else 0.9] * len(layers),
        }
        for frame in frames
    }
    path.write_text(json.dumps({"version": 1, "mattes": {**mattes, out.name: {"layers": layers, "frames": {**former, **records}}}}))


def wanted(request):
    from xmemcore.protocol.frames import FrameRange

    frames = plate_frames(request.plate)
    return frames if not request.frames else [frame for frame in frames if frame in FrameRange.parse(request.frames)]


def plate_frames(pattern):
    path = Path(pattern)
    stem = path.name.split("%")[0].rstrip(".")
    return sorted(int(file.name.split(".")[-2]) for file in path.parent.glob(f"{stem}.*.exr"))


def main(arguments):
    """Serve until the parent leaves; `arguments` ends with `--parent PID`."""
    wire = Wire.guard_stdout()
    from xmemcore.worker.serve import serve

    serve(wire, work, int(arguments[arguments.index("--parent") + 1]))
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv)
