"""The door itself: options become requests, results become text or JSON, failures become one sentence and an exit code."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

from tests.cli.answers import PROPAGATED, Answer
from tests.engine.small import small_network
from xmemcore.cli import main as main_module
from xmemcore.cli.main import main, make_parser
from xmemcore.cli.options import byte_count, request_of
from xmemcore.cli.streams import LoggedStream, outlived
from xmemcore.network.checkpoint import save_network
from xmemcore.protocol.failures import Cancelled, MachineError, RequestError
from xmemcore.protocol.requests import PropagateRequest, SuggestRequest
from xmemcore.protocol.result_file import MatteRecord, ResultFile, ResultHeader

CHECKOUT = Path(__file__).resolve().parents[2]
needs_full_disk = pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux alone has a device that is always full.")


@pytest.fixture
def shot(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Stand in for the shot: `shot["propagate"]` and `shot["suggest"]` are what is called; requests are kept in `shot["asked"]`."""
    calls: dict[str, Any] = {"asked": [], "propagate": lambda request, listener: Answer(PROPAGATED)}
    for name in ("propagate", "suggest"):
        module = ModuleType(f"xmemcore.shot.{name}")

        def door(request: object, listener: object, name: str = name) -> Answer:
            calls["asked"].append(request)
            return calls[name](request, listener)

        setattr(module, name, door)
        monkeypatch.setitem(sys.modules, f"xmemcore.shot.{name}", module)
    return calls


def test_every_option_of_propagate_reaches_the_request(shot: dict[str, Any]) -> None:
    command = (
        "propagate plates/shot.%04d.exr --roto r.nk --roto-node Roto2 --keyframes 1001,1040 --frames 1001-1100x2 --out m/m.####.exr "
        "--model xmem --device cpu --size 360 --colorspace acescg --mode xmem --order forward --no-temporary-memory --augment "
        "--mem-every 3 --confidence --viewer-frame 1020 --plain --no-cache --cache-limit 5G --node-id abc --json"
    )
    assert main(command.split()) == 0
    (request,) = shot["asked"]
    assert request == PropagateRequest(
        plate="plates/shot.%04d.exr",
        roto="r.nk",
        roto_node="Roto2",
        keyframes=(1001, 1040),
        colorspace="acescg",
        model="xmem",
        device="cpu",
        size=360,
        use_cache=False,
        cache_limit=5 * 10**9,
        node_id="abc",
        frames="1001-1100x2",
        out="m/m.####.exr",
        mode="xmem",
        order="forward",
        temporary_memory=False,
        augment=True,
        mem_every=3,
        confidence=True,
        viewer_frame=1020,
        plain=True,
    )


def test_without_options_the_request_has_its_own_defaults(shot: dict[str, Any]) -> None:
    shot["suggest"] = lambda request, listener: Answer({"suggestions": [], "message": "Nothing.", "lost_frames": []})
    assert main(["propagate", "p", "--masks", "m"]) == 0
    assert main(["suggest", "p", "--masks", "m"]) == 0
    assert shot["asked"] == [PropagateRequest(plate="p", masks="m"), SuggestRequest(plate="p", masks="m")]


def test_objects_of_propagate_are_named_one_by_one(shot: dict[str, Any]) -> None:
    assert main(["propagate", "p", "--masks", "m", "--object", "left sleeve", "--object", "hat"]) == 0
    assert shot["asked"] == [PropagateRequest(plate="p", masks="m", objects=("left sleeve", "hat"))]


def test_frames_are_suggested_before_anything_is_annotated(shot: dict[str, Any]) -> None:
    shot["suggest"] = lambda request, listener: Answer({"suggestions": [], "message": "Nothing.", "lost_frames": []})
    assert main(["suggest", "p"]) == 0
    assert (shot["asked"][-1].roto, shot["asked"][-1].masks) == (None, None)


def test_every_option_of_suggest_reaches_the_request(shot: dict[str, Any]) -> None:
    shot["suggest"] = lambda request, listener: Answer({"suggestions": [], "message": "Nothing.", "lost_frames": []})
    command = "suggest p --masks m --mattes out --count 3 --alpha 0.25 --min-pixels 0 --object sleeve --cache c"
    command += " --method random --seed 7 --frames 1-9x2"
    assert main(command.split()) == 0
    (request,) = shot["asked"]
    wanted = SuggestRequest(plate="p", masks="m", mattes="out", count=3, alpha=0.25, min_pixels=0, object="sleeve", cache="c")
    assert request == replace(wanted, method="random", seed=7, frames="1-9x2")


def test_json_is_one_object_and_nothing_else_on_stdout(
    shot: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def talkative(request: object, listener: Any) -> Answer:
        listener.message("Working")
        listener.warning("Careful")
        listener.progress(1, 2)
        listener.progress(2, 2)
        return Answer(PROPAGATED)

    monkeypatch.setenv("OPENJD_SESSION_WORKING_DIR", "/sessions/1")
    shot["propagate"] = talkative
    assert main(["propagate", "p", "--masks", "m", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["frames"] == [1001, 1002]
    assert out.count("\n") == 1
    assert "Warning: Careful" in err and "100 %" in err


def test_farm_progress_is_on_stdout_when_a_session_runs_us(
    shot: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def halfway(request: object, listener: Any) -> Answer:
        listener.progress(1, 2)
        return Answer(PROPAGATED)

    shot["propagate"] = halfway
    main(["propagate", "p", "--masks", "m"])
    assert "openjd" not in capsys.readouterr().out
    monkeypatch.setenv("OPENJD_SESSION_WORKING_DIR", "/sessions/1")
    main(["propagate", "p", "--masks", "m"])
    assert "openjd_progress: 50\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("failure", "code", "sentence"),
    [
        (RequestError("No plate at p. Check the path."), 2, "No plate at p. Check the path."),
        (MachineError("Disk full. Free some."), 3, "Disk full. Free some."),
        (Cancelled("Cancelled. What was finished stays."), 130, "Cancelled. What was finished stays."),
        (KeyboardInterrupt(), 130, "Cancelled. What was finished stays."),
        (MemoryError(), 3, "The memory is full. Lower the working size, or close what else needs memory."),
        (
            OSError(28, "No space left on device", "/m/x.exr"),
            3,
            "The disk of /m/x.exr is full. Free some space or choose another output or cache; finished frames are kept.",
        ),
        (
            RuntimeError("CUDA out of memory. Tried to allocate"),
            3,
            "The GPU has too little memory. Lower the working size, close what else uses the GPU, or choose device cpu.",
        ),
    ],
)
def test_failures_end_with_one_sentence_and_their_exit_code(
    shot: dict[str, Any], capsys: pytest.CaptureFixture[str], failure: BaseException, code: int, sentence: str
) -> None:
    def fail(request: object, listener: object) -> Answer:
        raise failure

    shot["propagate"] = fail
    assert main(["propagate", "p", "--masks", "m"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"xmem-roto: {sentence}\n"


def test_our_own_mistake_shows_where_and_asks_for_a_report(shot: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    def broken(request: object, listener: object) -> Answer:
        raise KeyError("x")

    shot["propagate"] = broken
    assert main(["propagate", "p", "--masks", "m"]) == 1
    err = capsys.readouterr().err
    assert "KeyError: 'x'" in err and "Please report it" in err


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("propagate", "The following arguments are required: PLATE."),
        ("propagate p", "One of the arguments --roto --masks is required."),
        ("propagate p --roto a --masks b", "Argument --masks: not allowed with argument --roto."),
        ("propagate p --masks m --roto-node Roto1", "--roto-node chooses a node of --roto, and masks have none. Leave one of the two out."),
        ("suggest p --masks m --roto-node Roto1", "--roto-node chooses a node of --roto, and masks have none. Leave one of the two out."),
        (
            "propagate p --masks m --report sheet.xyz",
            "The contact sheet is a PNG, but --report says sheet.xyz. Write a name that ends in .png.",
        ),
        ("models list extra", "`models list` shows all models and takes no name. More of one: `xmem-roto models info extra`."),
        ("propagate p --masks m --device tpu", "Argument --device: There is no device 'tpu'. Choose one of: auto, cpu, cuda"),
        ("propagate p --masks m --size 0", "Argument --size: '0' must be a whole number of at least 1."),
        ("propagate p --masks m --cache-limit lots", "Argument --cache-limit: 'lots' is no size; write 20G, 500M or a number of bytes."),
        ("propagate p --masks m --cache c --no-cache", "Argument --no-cache: not allowed with argument --cache."),
        ("suggest p --masks m --alpha 2", "Argument --alpha: '2' must be a number from 0 to 1."),
        ("evaluate clips --annotations 1,x", "Argument --annotations: 'x' must be a whole number of at least 1."),
        ("", "The following arguments are required: COMMAND."),
        ("paint", "Argument COMMAND: invalid choice: 'paint'"),
    ],
)
def test_a_wrong_command_line_is_one_sentence_and_exit_code_2(capsys: pytest.CaptureFixture[str], command: str, sentence: str) -> None:
    assert main(command.split()) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert sentence in err and ("--help`" in err or err == f"xmem-roto: {sentence}\n")


def test_wrong_frames_are_refused_as_the_frame_range_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["propagate", "p", "--masks", "m", "--keyframes", "10-x"]) == 2
    assert "10-x" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "size"), [("20G", 20 * 10**9), ("500m", 5 * 10**8), ("1.5T", 15 * 10**11), ("17", 17), ("2 GB", 2 * 10**9)]
)
def test_sizes_are_read_with_their_unit(text: str, size: int) -> None:
    assert byte_count(text) == size


def test_parser_raises_our_failure_not_system_exit() -> None:
    with pytest.raises(RequestError, match="--roto --masks is required"):
        make_parser().parse_args(["propagate", "p"])


def test_negative_frames_can_be_given() -> None:
    chosen = make_parser().parse_args(["propagate", "p", "--masks", "m", "--frames", "-5--1", "--keyframes", "-5,0"])
    request = request_of(chosen, PropagateRequest)
    assert request.frames == "-5--1" and request.keyframes == (-5, 0)


def test_layers_that_are_called_otherwise_are_said_once(shot: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["propagate", "p", "--masks", "m"]) == 0
    assert "Layers" not in capsys.readouterr().out
    renamed = {**PROPAGATED, "objects": ["mask", "sleeve", "1"], "layers": ["obj_mask", "sleeve", "obj_1"]}
    shot["propagate"] = lambda request, listener: Answer(renamed)
    assert main(["propagate", "p", "--masks", "m"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[1:] == ["Layers under names that Nuke takes: mask is obj_mask, 1 is obj_1"] and err == ""


def test_mattes_of_other_runs_are_named(shot: dict[str, Any], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pattern = tmp_path / "m.%04d.exr"
    record = ResultFile(pattern)
    record.records = {frame: MatteRecord("s", 3, False, (), 1.0) for frame in range(1000, 1005)}
    record.write(ResultHeader())
    for frame in range(1001, 1005):
        (tmp_path / f"m.{frame}.exr").write_bytes(b"abc")
    shot["propagate"] = lambda request, listener: Answer({**PROPAGATED, "out": str(pattern), "frames": [1002]})
    assert main(["propagate", "p", "--masks", "m"]) == 0
    assert "Mattes of frames 1001, 1003-1004 lie there from an earlier run; this run did not look at them\n" in capsys.readouterr().out
    assert main(["propagate", "p", "--masks", "m", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["beside"] == [1001, 1003, 1004]
    assert main(["propagate", "p", "--masks", "m", "--chunk", "1/2"]) == 0
    assert "earlier run" not in capsys.readouterr().out, "other workers fill the rest"


def test_name_of_a_shape_that_commands_a_terminal_is_printed_without_its_commands(
    shot: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    renamed = {**PROPAGATED, "objects": ["\x1b[31m\nsleeve"], "layers": ["sleeve"]}
    shot["propagate"] = lambda request, listener: Answer(renamed)
    assert main(["propagate", "p", "--masks", "m"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[1].isprintable()
    many = [str(number) for number in range(30)]
    shot["propagate"] = lambda request, listener: Answer({**PROPAGATED, "objects": many, "layers": [f"obj_{number}" for number in many]})
    assert main(["propagate", "p", "--masks", "m"]) == 0
    assert capsys.readouterr().out.endswith("7 is obj_7 and 22 more (--json shows all)\n")


@pytest.mark.parametrize("command", [["evaluate", "."], ["bench"]])
def test_a_table_of_figures_replaces_no_file_of_somebody_elses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    for content in ('{"version": 1, "objects": []}', "[]", "no json"):
        (tmp_path / "roto.json").write_text(content)
        assert main([*command, "--json", str(tmp_path / "roto.json")]) == 2
        assert "roto.json is there and is no table of this program: it stays as it is" in capsys.readouterr().err
        assert (tmp_path / "roto.json").read_text() == content


def test_suggestions_are_printed_one_a_line(shot: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    picks = [{"frame": 1012, "score": 0.5, "reason": "far from 1001"}, {"frame": 1030, "score": 0.25, "reason": "far from 1012"}]
    shot["suggest"] = lambda request, listener: Answer({"suggestions": picks, "message": "Two frames.", "lost_frames": [1005]})
    assert main(["suggest", "p", "--masks", "m"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed == ["1012  score 0.5  far from 1001", "1030  score 0.25  far from 1012", "Two frames."]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes.")
@pytest.mark.parametrize(("run", "code"), [("Answer(PROPAGATED)", 0), pytest.param("refused()", 2, marks=pytest.mark.exhaustive)])
def test_a_run_outlives_the_readers_of_its_output(run: str, code: int) -> None:
    script = (
        "import sys\nfrom types import ModuleType\nfrom tests.cli.answers import Answer, PROPAGATED\n"
        "from xmemcore.protocol.failures import RequestError\n"
        "def refused(): raise RequestError('No.')\n"
        "def propagate(request, listener):\n"
        "    for done in range(99): listener.progress(done, 99)\n"
        f"    return {run}\n"
        "sys.modules['xmemcore.shot.propagate'] = module = ModuleType('x')\nmodule.propagate = propagate\n"
        "from xmemcore.cli.main import main\nsys.exit(main(['propagate', 'p', '--masks', 'm']))"
    )
    for closed in (True, False):
        reader, writer = os.pipe()
        os.close(reader)  # as `2>&1 | head` does; `2>&-` gives no stderr at all
        command = [sys.executable, "-c", script] if not closed else ["sh", "-c", 'exec "$0" -c "$1" 2>&-', sys.executable, script]
        ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=writer, text=True, timeout=120, cwd=CHECKOUT)
        os.close(writer)
        assert ended.returncode == code
        assert ended.stdout.startswith("2 mattes") == (code == 0)
        reader, writer = os.pipe()
        os.close(reader)
        ended = subprocess.run([sys.executable, "-c", script], stdout=writer, stderr=subprocess.PIPE, text=True, timeout=120, cwd=CHECKOUT)
        os.close(writer)
        assert ended.returncode == code and "95 %" in ended.stderr and "Traceback" not in ended.stderr


@pytest.mark.parametrize(("encoding", "printed"), [("utf-8", b"/m/\\udcff \xe8\xa2\x96\n"), ("latin-1", b"/m/\\udcff \\u8896\n")])
def test_a_path_that_stdout_cannot_spell_is_printed_with_escapes(encoding: str, printed: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding, newline=""))
    with outlived():
        print("/m/\udcff \u8896", flush=True)
    assert raw.getvalue() == printed


@pytest.mark.skipif(os.name == "nt", reason="Windows reads pictures without catching what libraries print.")
@pytest.mark.parametrize("streams", [">&-", "2>&-", "<&- >&- 2>&-", pytest.param("2>/dev/full", marks=needs_full_disk)])
def test_pictures_are_read_where_nobody_hears_what_is_printed(streams: str, tmp_path: Path) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "p.1001.png")
    code = (
        "import sys\nfrom types import ModuleType\nfrom pathlib import Path\nfrom tests.cli.answers import Answer, PROPAGATED\n"
        "from xmemcore.shot.files import pictures\n"
        "def propagate(request, listener):\n"
        "    listener.warning('said to nobody')\n"
        "    path = Path(request.plate)\n"
        "    with open(path) as file: assert file.fileno() > 2, 'libraries print into files that have the numbers of stdout and stderr'\n"
        "    path.with_name('shape').write_text(str(pictures.read_stored(path).pixels.shape))\n"
        "    return Answer(PROPAGATED)\n"
        "sys.modules['xmemcore.shot.propagate'] = module = ModuleType('x')\nmodule.propagate = propagate\n"
        "from xmemcore.cli.main import main\nsys.exit(main(['propagate', sys.argv[1], '--masks', 'm']))"
    )
    command = ["sh", "-c", f'exec "$0" -c "$1" "$2" {streams}', sys.executable, code, str(tmp_path / "p.1001.png")]
    assert subprocess.run(command, timeout=120, cwd=CHECKOUT).returncode == 0
    assert (tmp_path / "shape").read_text().startswith("(4, 4")


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, cwd=CHECKOUT, env={**os.environ, **environment}
    )


@needs_full_disk
@pytest.mark.parametrize("words", [["models", "list", "--json"], ["--version"]])
def test_full_disk_below_stdout_is_named_as_such(words: list[str]) -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "xmemcore", *words]
        for unbuffered in ("", "1"):
            told = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
            answer = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, cwd=CHECKOUT, env=told)
            assert answer.returncode == 3, unbuffered
            assert answer.stderr.startswith("xmem-roto: What this command prints could not be written: No space left on device. Make room")


def test_log_on_a_full_disk_ends_and_the_run_goes_on() -> None:
    class Full(io.StringIO):
        name = "run.log"

        def flush(self) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    heard = io.StringIO()
    stream = LoggedStream(heard, Full())
    assert stream.write("one\ntwo\n") == 8 and stream.write("three\n") == 6
    assert heard.getvalue() == "one\ntwo\nWarning: the log run.log ends here: No space left on device. The run goes on.\nthree\n"


def test_parsing_needs_neither_torch_nor_numpy() -> None:
    answer = run_python(
        "import sys; from xmemcore.cli.main import main\n"
        "try: main(['propagate', '--help'])\n"
        "except SystemExit: pass\n"
        "main(['models', 'list'])\n"
        "heavy = {'torch', 'numpy', 'cv2', 'OpenEXR'} & set(sys.modules); assert not heavy, heavy"
    )
    assert answer.returncode == 0, answer.stderr


def test_model_is_described_in_lines_to_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = {"steps": 20, "hours": 0.5, "last_losses": [0.1] * 20, "recipe": {"rate": 1}, "validations": [{"J1": 0.4, "step": 20}]}
    training = {"before": first, "steps": 30, "validations": [{"J1": 0.4, "seconds": 1.0}, {"J1": 0.6, "J5": 0.7, "seconds": 2.0}]}
    save_network(tmp_path / "a.safetensors", small_network(), {"training": training, "made_by": "us", "note": "x " * 400})
    assert main(["models", "info", str(tmp_path / "a.safetensors")]) == 0
    printed = capsys.readouterr().out.splitlines()
    at = printed.index("training: 2 rounds (--json shows all)")
    assert printed[at + 1 : at + 3] == ["    1. hours 0.5, steps 20; at its end J1 0.4", "    2. steps 30; at its end J1 0.6, J5 0.7"]
    assert "made by: us" in printed
    (dimensions,) = (line for line in printed if line.startswith("dimensions: "))
    assert "key encoder mobilenet_v2, " in dimensions and "decoder dims " in dimensions
    assert not any(mark in line for line in printed for mark in "{}=")
    assert max(map(len, printed)) < 450


def test_models_of_an_empty_machine_are_exit_code_2_when_one_is_needed(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from xmemcore.network import catalogue\n"
        "catalogue.WEIGHTS_FOLDER = Path('nowhere'); catalogue.installed.__defaults__ = (None, Path('nowhere'))\n"
        "from xmemcore.cli.main import main; sys.exit(main(['models', 'verify']))"
    )
    answer = run_python(code, XMEM_ROTO_MODELS=str(tmp_path))
    assert answer.returncode == 2
    assert answer.stderr == "xmem-roto: No model is installed. Run `xmem-roto models get xmem`.\n"


@pytest.mark.parametrize("stop", [Cancelled("Cancelled. Nothing was changed."), KeyboardInterrupt()])
def test_ctrl_c_while_the_sheet_is_drawn_says_that_the_mattes_stay(
    shot: dict[str, Any], capsys: pytest.CaptureFixture[str], tmp_path: Path, stop: BaseException
) -> None:
    def stopped(request: object, listener: object) -> Answer:
        raise stop

    shot["suggest"] = stopped
    command = ["propagate", "p", "--masks", "m", "--report", str(tmp_path / "sheet.png")]
    assert main(command) == 130
    out, err = capsys.readouterr()
    assert out == "2 mattes, 1 of them new, in 1.5 s: /m/matte.%04d.exr\n"
    assert err == "xmem-roto: Cancelled. The mattes are finished; the contact sheet was not drawn.\n"
    assert main([*command, "--json"]) == 130
    assert json.loads(capsys.readouterr().out)["report"] is None


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send to one process.")
def test_ctrl_c_stops_after_the_frame_in_work_with_130(tmp_path: Path) -> None:
    """A slow stand-in for the shot looks at `cancelled()` between frames, as the engine does."""
    code = (
        "import sys, time, types\n"
        "module = types.ModuleType('xmemcore.shot.propagate')\n"
        "from xmemcore.protocol.failures import Cancelled\n"
        "def propagate(request, listener):\n"
        "    for frame in range(600):\n"
        "        listener.progress(frame, 600)\n"
        "        if listener.cancelled(): raise Cancelled('Cancelled. The mattes that were finished stay.')\n"
        "        time.sleep(0.02)\n"
        "module.propagate = propagate; sys.modules['xmemcore.shot.propagate'] = module\n"
        "from xmemcore.cli.main import main; sys.exit(main(['propagate', 'p', '--masks', 'm']))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, cwd=CHECKOUT) as child:
        assert child.stderr is not None
        assert "0 %" in child.stderr.readline()
        child.send_signal(signal.SIGINT)
        assert child.wait(timeout=30) == 130
        rest = child.stderr.read()
    assert "Stopping. Press Ctrl-C again" in rest
    assert rest.endswith("xmem-roto: Cancelled. The mattes that were finished stay.\n")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send to one process.")
@pytest.mark.parametrize(
    ("module", "lost"), [("xmemcore.cli.demo", False), ("xmemcore.shot.propagate", False), ("xmemcore.shot.propagate", True)]
)
def test_ctrl_c_in_the_midst_of_an_import_is_heard(module: str, lost: bool) -> None:
    """Code that Python calls back while it imports loses the interrupt, which goes on as a line about an ignored exception."""
    code = (
        "import importlib.abc, importlib.util, os, signal, sys\n"
        "from xmemcore.protocol.failures import Cancelled\n"
        "class Interrupted(importlib.abc.MetaPathFinder, importlib.abc.Loader):\n"
        "    def find_spec(self, name, path, target=None):\n"
        f"        return importlib.util.spec_from_loader(name, self) if name == {module!r} else None\n"
        "    def exec_module(self, module):\n"
        "        try: signal.raise_signal(signal.SIGINT)\n"
        "        except KeyboardInterrupt:\n"
        f"            if not {lost}: raise\n"
        "        def propagate(request, listener):\n"
        "            if listener.cancelled(): raise Cancelled('Cancelled. Nothing was changed.')\n"
        "            print('propagated')\n"
        "        module.propagate = propagate\n"
        "sys.meta_path.insert(0, Interrupted())\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background leaves it ignored
        "from xmemcore.cli.main import main; sys.exit(main(['propagate', 'p', '--masks', 'm']))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, cwd=CHECKOUT)
    assert ended.returncode == 130 and ended.stdout == ""
    assert ended.stderr.splitlines()[-1].startswith("xmem-roto: Cancelled. ") and "Traceback" not in ended.stderr


def test_a_ctrl_c_while_python_imports_what_a_command_needs_is_a_sentence() -> None:
    script = (
        "import sys\nbefore = set(sys.modules)\nfrom xmemcore.cli.main import main\n"
        "print(sorted(set(sys.modules) - before - {'__future__', '_distutils_hack'}))\n"
        "class Pressed:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == sys.argv[1]: raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Pressed())\nsys.exit(main(['--version']))"
    )
    for name in (
        "xmemcore.cli.streams",
        "xmemcore.protocol.failures",
        "argparse",
        "xmemcore.cli.shot_commands",
        "xmemcore.protocol.version",
    ):
        ended = subprocess.run([sys.executable, "-c", script, name], capture_output=True, text=True, timeout=120, cwd=CHECKOUT)
        assert (ended.returncode, ended.stderr) == (130, "xmem-roto: Cancelled. What was finished stays.\n"), name
        # Nobody catches a Ctrl-C before this is imported.
        assert ended.stdout == "['xmemcore', 'xmemcore.cli', 'xmemcore.cli.main']\n"
    assert main_module.CANCELLED == Cancelled.exit_code
