"""What Nuke and the worker say to each other: one JSON object a line, UTF-8, ended by a newline.

Every message is one frozen dataclass below; on the wire `kind` names it and its fields follow by name:

    {"kind": "frame_done", "job": 3, "frame": 1004, "path": "/shots/a/matte.1004.exr"}

The order of a conversation:

    worker                                  Nuke
    greeting, once, before anything heavy
    is imported                      ---->  closes the worker when `protocol` is not its own
                                     <----  propagate | suggest | fit | approve | status |
                                            clear | models, each with a job number of Nuke's choice
    queued (others are ahead) or
    started                          ---->
    any of progress, frame_done,
    warning, log                     ---->  frame_done follows the rename of that frame's file
                                     <----  cancel, at any time
    cancelling, within a second      ---->
    exactly one of finished, failed,
    cancelled                        ---->  the job number may be forgotten
                                     <----  ping, at any time
    pong, also while computing       ---->

The worker leaves after `leave`, at end of file on its stdin, and when its parent process is gone. A line that cannot be
read is answered by `failed` with job null; it never ends the worker. Fields that a reader does not know are an error:
two sides with one protocol number agree on every field.

`result` of finished is one of the dataclasses of `results`; its own `kind` is that of the request which it answers:

    {"kind": "finished", "job": 3, "result": {"kind": "models", "models": [{"name": "compact", ...}]}}

Frames are Nuke's numbers; as keys of an object they are text. Paths are absolute, of the machine both run on.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import IO, Any, Dict, Iterator, Optional, Tuple, Type, Union

from xmemcore.protocol.failures import MachineError, RequestError
from xmemcore.protocol.kinds import of_json, wrong_kind
from xmemcore.protocol.outside import NotUsable, parse_json
from xmemcore.protocol.requests import ApproveRequest, FitRequest, PropagateRequest, SuggestRequest
from xmemcore.protocol.results import RESULTS, Result

PROTOCOL = 2
"""Raised by one whenever a message gains, loses or changes a field."""


class MessageUnreadable(MachineError):
    """A line is not a message of this protocol."""

    code = "message"


class RequestUnreadable(RequestError):
    """A field of a request has a value of another type; `job` is the request's number."""

    def __init__(self, sentence: str, job: Optional[int]) -> None:
        super().__init__(sentence)
        self.job = job


# ---- from Nuke to the worker


@dataclass(frozen=True)
class Propagate:
    """Queue a propagate."""

    job: int
    request: PropagateRequest


@dataclass(frozen=True)
class Suggest:
    """Queue a suggestion of the next frames to key."""

    job: int
    request: SuggestRequest


@dataclass(frozen=True)
class Fit:
    """Queue a fit of the roto's own shapes to the matte of a frame."""

    job: int
    request: FitRequest


@dataclass(frozen=True)
class Approve:
    """Queue marking mattes as right, or taking the mark back; answered like a status."""

    job: int
    request: ApproveRequest


@dataclass(frozen=True)
class Status:
    """Ask what a propagate with this request would find and cost; answered ahead of queued work, after the job in work."""

    job: int
    request: PropagateRequest


@dataclass(frozen=True)
class Clear:
    """Delete the cache of one node; its mattes stay."""

    job: int
    node_id: str
    cache: Optional[str] = None
    """Root of the cache, as in ShotRequest."""


@dataclass(frozen=True)
class Models:
    """Ask which models there are, with their terms; answered like a status."""

    job: int


@dataclass(frozen=True)
class Cancel:
    """Stop a job: at once when it is queued, after the frame in work when it runs."""

    job: int


@dataclass(frozen=True)
class Ping:
    """Ask for a sign of life."""


@dataclass(frozen=True)
class Leave:
    """End the worker; the job in work is cancelled."""


# ---- from the worker to Nuke


@dataclass(frozen=True)
class Greeting:
    """The first line of a worker."""

    protocol: int
    """PROTOCOL of the worker."""
    version: str
    """VERSION of the worker's checkout."""
    pid: int
    python: str
    """Version of the worker's Python, for the diagnosis page."""


@dataclass(frozen=True)
class Queued:
    """The job waits."""

    job: int
    ahead: int
    """Jobs that come first, at least 1."""


@dataclass(frozen=True)
class Started:
    """The job is in work."""

    job: int


@dataclass(frozen=True)
class Progress:
    """How far the job is."""

    job: int
    done: int
    total: int
    """Steps of the same size as `done`; at least `done`, at least 1."""


@dataclass(frozen=True)
class FrameDone:
    """The file of one frame is complete under its final name."""

    job: int
    frame: int
    path: str


@dataclass(frozen=True)
class Warned:
    """One sentence that the artist should read; the job goes on."""

    job: int
    text: str


@dataclass(frozen=True)
class Log:
    """What the job is doing, in a few words."""

    job: int
    text: str


@dataclass(frozen=True)
class Cancelling:
    """The cancel has been heard."""

    job: int


@dataclass(frozen=True)
class Cancelled:
    """The job has stopped at the artist's wish; finished frames stay."""

    job: int


@dataclass(frozen=True)
class Finished:
    """The job is done."""

    job: int
    result: Result


@dataclass(frozen=True)
class Failed:
    """The job failed; with job None, a line could not be read."""

    job: Optional[int]
    code: str
    """Kind of the failure: request, machine, memory, disk, device, packages, busy, message, fault."""
    sentence: str
    """What, where, what to do."""
    exit_code: int
    """2: the request is wrong. 3: the machine failed. 1: a fault in the core."""


@dataclass(frozen=True)
class Pong:
    """A sign of life; sent by the thread that reads, so it says nothing about the job in work."""


Message = Union[
    Propagate, Suggest, Fit, Approve, Status, Clear, Models, Cancel, Ping, Leave,
    Greeting, Queued, Started, Progress, FrameDone, Warned, Log, Cancelling, Cancelled, Finished, Failed, Pong,
]  # fmt: skip

KINDS: Dict[str, Type[Any]] = {
    "propagate": Propagate, "suggest": Suggest, "fit": Fit, "approve": Approve, "status": Status, "clear": Clear, "models": Models,
    "cancel": Cancel, "ping": Ping, "leave": Leave,
    "greeting": Greeting, "queued": Queued, "started": Started, "progress": Progress, "frame_done": FrameDone, "warning": Warned,
    "log": Log, "cancelling": Cancelling, "cancelled": Cancelled, "finished": Finished, "failed": Failed, "pong": Pong,
}  # fmt: skip
"""`kind` on the wire and what it stands for."""

LONGEST_LINE_BYTES = 64 << 20
"""A result of a hundred thousand frames is far shorter."""
SHOWN_CHARACTERS = 200
"""Characters of an unreadable line that its sentence quotes."""

_KIND_OF = {message: kind for kind, message in (*KINDS.items(), *RESULTS.items())}
_REQUEST_OF: Dict[Type[Any], Type[Any]] = {
    Propagate: PropagateRequest, Suggest: SuggestRequest, Fit: FitRequest, Approve: ApproveRequest, Status: PropagateRequest,
}  # fmt: skip


def encode(message: Message) -> str:
    """Write a message as one line, newline included.

    Only ASCII is used (JSON escapes the rest), so that no console encoding of any platform can break the line.
    """
    content = {"kind": _KIND_OF[type(message)], **asdict(message)}
    if isinstance(message, Finished):
        content["result"]["kind"] = _KIND_OF[type(message.result)]
    return json.dumps(content) + "\n"


def decode(line: str) -> Message:
    """Read one line.

    Raises:
        MessageUnreadable: it is not JSON, its kind is unknown, or its fields are not those of its kind.
        RequestUnreadable: a field of a request has a value of another type.
    """
    shown = repr(line[:400].strip()[:SHOWN_CHARACTERS])
    try:
        # NaN is refused below, in a sentence that names the field.
        spoken = parse_json(line, finite=False)
    except NotUsable as error:
        raise MessageUnreadable(f"A line is not a message but {shown}: {error}. Do plugin and core come from one checkout?") from error
    name = spoken.pop("kind", None) if isinstance(spoken, dict) else None
    if not isinstance(name, str) or name not in KINDS:
        raise MessageUnreadable(f"The kind of message {shown} is unknown. Do plugin and core come from one checkout?")
    kind = KINDS[name]
    if kind in _REQUEST_OF and "request" in spoken:
        job = spoken.get("job")
        spoken["request"] = _build(_REQUEST_OF[kind], spoken["request"], shown, job if type(job) is int else None)
    if kind is Finished and "result" in spoken:
        spoken["result"] = _result(spoken["result"], shown)
    return _build(kind, spoken, shown)


def lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Read lines until the other side closes. Of a line longer than any message, only the beginning is kept."""
    while line := stream.readline(LONGEST_LINE_BYTES):
        rest = line
        while len(rest) == LONGEST_LINE_BYTES and not rest.endswith(b"\n"):
            rest = stream.readline(LONGEST_LINE_BYTES)
        yield line


def _build(kind: Type[Any], values: Any, shown: str, job: Optional[int] = None) -> Any:
    """Make one dataclass of its wire form; JSON's lists become the tuples that frozen dataclasses hold."""
    known = {field.name: _immutable(values[field.name]) for field in fields(kind) if isinstance(values, dict) and field.name in values}
    if not isinstance(values, dict) or len(known) != len(values):
        raise MessageUnreadable(
            f"The fields of message {shown} are not those of {kind.__name__}. Do plugin and core come from one checkout?"
        )
    is_request = kind in _REQUEST_OF.values()
    wrong = wrong_kind(kind, known, paths=is_request)
    if wrong is not None and is_request:
        raise RequestUnreadable(f"The request cannot be read: {wrong}. Correct it and ask again.", job)
    if wrong is not None:
        raise MessageUnreadable(f"In message {shown}, {wrong}. Do plugin and core come from one checkout?")
    try:
        return kind(**known)
    except TypeError as error:
        raise MessageUnreadable(f"Message {shown} lacks a field of {kind.__name__}. Do plugin and core come from one checkout?") from error


def _result(values: Any, shown: str) -> Any:
    kind = values.pop("kind", None) if isinstance(values, dict) else None
    if not isinstance(kind, str) or kind not in RESULTS:
        raise MessageUnreadable(f"The kind of result in message {shown} is unknown. Do plugin and core come from one checkout?")
    try:
        return of_json(RESULTS[kind], values)
    except NotUsable as error:
        raise MessageUnreadable(f"In message {shown}, {error}. Do plugin and core come from one checkout?") from error


def _immutable(value: Any) -> Union[Any, Tuple[Any, ...]]:
    return tuple(value) if isinstance(value, list) else value
