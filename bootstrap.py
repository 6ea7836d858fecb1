"""Set up XMem Roto and start what needs the set-up. Any Python 3.9 or later runs this file; nothing else has to be installed first.

    python bootstrap.py [setup]     make .venv with Python 3.11 and the pinned packages, then check it
    python bootstrap.py demo        set up if needed, then run the demo
    python bootstrap.py test        set up with the test tools, then check style and types and run the tests
    python bootstrap.py test-fast   the quick tests alone; test-all: all of them, the long ones too
    python bootstrap.py nuke        make Nuke find this folder
    python bootstrap.py doctor      say what is wrong, without setting anything up
    python bootstrap.py release     build the wheel and the archive of a release into dist/
    python bootstrap.py bench | lint

It is quick when the environment is complete. Each step prints one line, `[2/4] ...`; what failed is the last line on stderr.
Exit codes: 0 done, 2 something has to be installed or decided by you, 3 the machine failed; demo, test and the like end with their own.
"""

from __future__ import annotations

import argparse
import glob
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

CHECKOUT = Path(__file__).resolve().parent
ENVIRONMENT = CHECKOUT / ".venv"
WHEELHOUSE = CHECKOUT / "wheelhouse"
"""Packages that came with the archive, for machines without network. Where this folder is, nothing is fetched."""
STAMP = ENVIRONMENT / "xmem-roto-setup.json"
WINDOWS = os.name == "nt"

CORE_PYTHON = (3, 11)
"""numpy 2.4 and OpenEXR 3.5 need it at least; the pinned torch has no newer one on every platform."""

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
CUDA_INDEX = "https://download.pytorch.org/whl/cu130"

LOCKED = CHECKOUT / "requirements" / "locked"
"""Written by requirements/lock.py."""

EXTRAS = {
    "plates": "DPX and Cineon",
    "color": "OCIO colour spaces",
    "cryptomatte": "Cryptomatte layers",
    "matting": "edges of hair",
    "farm": "run a job template here",
    "train": "render clips to train on",
    "dev": "tests",
}
"""Optional packages, each a file of requirements/, and their use."""
TESTED_EXTRAS = ("dev", "plates", "color", "farm", "cryptomatte")
"""Extras that the test commands install. With fewer, tests of optional parts would be skipped, and a green run would not check them.
matting is not among them, since it compiles itself for minutes; its equations are tested with a stand-in."""
EXTRAS_SAID = ", ".join(f"{name} ({purpose})" for name, purpose in EXTRAS.items())

CHECKS = {"test": "test", "test-fast": "fast", "test-all": "all", "lint": "lint"}
"""Commands that check the code, and what tests/checks.py calls them."""

GET_PYTHON = (
    "install it from python.org or with "
    + ("`winget install Python.Python.3.11`" if WINDOWS else "your package manager (python3.11 and python3.11-venv)")
    + ", or name one in XMEM_ROTO_BASE_PYTHON, and run this again"
)

PYTHON_PROBE_SECONDS = 20
SETUP_BYTES = {"cpu": 2 * 10**9, "cuda": 10 * 10**9}
"""Rough size of an environment on disk, by device."""
FOREIGN_VARIABLES = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "QT_PLUGIN_PATH")
"""Variables that are set for Nuke and harm another Python; every PYTHON* variable is left out too."""


class SetupFailed(Exception):
    """Set-up cannot go on; the text says what to do."""

    def __init__(self, sentence: str, exit_code: int = 2) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


def clean_environment() -> Dict[str, str]:
    """Copy the environment without what another Python, such as Nuke's, left in it."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON") and name not in FOREIGN_VARIABLES}
    variables["PYTHONUTF8"] = "1"
    if WHEELHOUSE.is_dir():
        variables.update(PIP_NO_INDEX="1", PIP_FIND_LINKS=str(WHEELHOUSE))
    return variables


def report(step: int, steps: int, text: str) -> None:
    print(f"[{step}/{steps}] {text}", flush=True)


# Finding Python 3.11


def python_candidates() -> Iterator[List[str]]:
    """List commands that may be a Python 3.11, the likeliest first."""
    if os.environ.get("XMEM_ROTO_BASE_PYTHON"):
        yield [os.environ["XMEM_ROTO_BASE_PYTHON"]]
    yield [sys.executable]
    yield ["python3.11"]
    if WINDOWS:
        yield ["py", "-3.11"]
        for root in (os.environ.get("LOCALAPPDATA", ""), os.environ.get("ProgramFiles", "")):
            yield [os.path.join(root, "Programs", "Python", "Python311", "python.exe")]
            yield [os.path.join(root, "Python311", "python.exe")]
    for pattern in (
        "~/.pyenv/versions/3.11*/bin/python3.11",
        "~/.local/share/uv/python/cpython-3.11*/bin/python3.11",
        "/opt/homebrew/bin/python3.11",
        "/usr/local/bin/python3.11",
        "/Library/Frameworks/Python.framework/Versions/3.11/bin/python3.11",
    ):
        for path in sorted(glob.glob(os.path.expanduser(pattern)), reverse=True):
            yield [path]


def base_python(command: Sequence[str]) -> Optional[str]:
    """Resolve a command to the Python 3.11 behind it, or None when it is no usable one.

    Inside a virtual environment the interpreter that it was made from is meant, so that ours outlives it.
    """
    if not command[0] or shutil.which(command[0]) is None:
        return None
    probe = (
        "import sys, os, json, venv, ensurepip\nprint(json.dumps([sys.version_info[:2], getattr(sys, '_base_executable', sys.executable)]))"
    )
    try:
        answer = subprocess.run(
            [*command, "-I", "-c", probe], capture_output=True, text=True, timeout=PYTHON_PROBE_SECONDS, env=clean_environment(), check=True
        )
        version, path = json.loads(answer.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        # Not there, no Python (Nuke's own executable, a Windows store stub), or one without venv.
        return None
    return path if tuple(version) == CORE_PYTHON else None


def python_here() -> Optional[str]:
    """Find a Python 3.11 on this machine, or none."""
    return next((path for path in map(base_python, python_candidates()) if path is not None), None)


def find_python() -> str:
    """Find a Python 3.11, or let uv bring one.

    Raises:
        SetupFailed: there is none, and no uv to bring it.
    """
    present = python_here()
    if present is not None:
        return present
    uv = shutil.which("uv")
    if uv is not None:
        print("No Python 3.11 on this machine: asking uv for one.", flush=True)
        env = clean_environment()
        if subprocess.run([uv, "python", "install", "3.11"], env=env).returncode == 0:
            found = subprocess.run([uv, "python", "find", "--no-project", "3.11"], env=env, capture_output=True, text=True)
            path = base_python([found.stdout.strip()]) if found.returncode == 0 else None
            if path is not None:
                return path
    raise SetupFailed(f"XMem Roto's core needs Python 3.11 (with its venv module), and this machine has none: {GET_PYTHON}.")


# The environment


def environment_python() -> Path:
    return ENVIRONMENT / ("Scripts/python.exe" if WINDOWS else "bin/python")


def requirement_lines(name: str) -> List[str]:
    """Read the pins of one file of requirements/, without comments."""
    text = (CHECKOUT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    return [line for line in (raw.split("#")[0].strip() for raw in text.splitlines()) if line]


def locked(*sets: str) -> List[str]:
    """Give pip's arguments for sets of packages with everything that they need: by version, and by the hashes of their files."""
    files = [word for name in sets for word in ("-r", str(LOCKED / f"{name}.txt"))]
    return ["--require-hashes", "--no-deps", *files]


def has_nvidia() -> bool:
    """Tell whether this machine has an NVIDIA device with a driver that answers."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    try:
        answer = subprocess.run([tool, "-L"], capture_output=True, text=True, timeout=PYTHON_PROBE_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return False
    return answer.returncode == 0 and "GPU" in answer.stdout


def read_stamp() -> Dict[str, object]:
    """Read what the last complete set-up installed; empty when there was none."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def make_stamp(device: str, extras: Sequence[str]) -> Dict[str, object]:
    """Describe a complete set-up: the same description means that there is nothing to do."""
    pins = {name: requirement_lines(name) for name in ("core", *extras)}
    entry_points = hashlib.sha256((CHECKOUT / "setup.py").read_bytes()).hexdigest()
    files = hashlib.sha256(b"".join((LOCKED / f"{name}.txt").read_bytes() for name in ("core", "torch", *extras))).hexdigest()
    return {"checkout": str(CHECKOUT), "device": device, "extras": list(extras), "pins": pins, "locked": files, "setup.py": entry_points}


def is_complete(wanted: Dict[str, object], stamp: Dict[str, object]) -> bool:
    """Tell whether the environment holds what is wanted; more extras than wanted do no harm."""
    if any(stamp.get(key) != wanted[key] for key in ("checkout", "device", "setup.py")):
        return False
    pins, wanted_pins = stamp.get("pins"), wanted["pins"]
    if not isinstance(pins, dict) or any(pins.get(name) != lines for name, lines in wanted_pins.items()):  # type: ignore[attr-defined]
        return False
    return environment_version() is not None


def environment_version() -> Optional[str]:
    """Give the version of the environment's interpreter if it starts and is the right one."""
    if not environment_python().exists():
        return None
    probe = "import sys; print(sys.version_info[0], sys.version_info[1], sys.version.split()[0])"
    try:
        command = [str(environment_python()), "-I", "-c", probe]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=PYTHON_PROBE_SECONDS, env=clean_environment())
    except (OSError, subprocess.SubprocessError):
        return None
    if answer.returncode != 0:
        return None
    major, minor, version = answer.stdout.split()
    return version if (int(major), int(minor)) == CORE_PYTHON else None


def make_environment() -> None:
    """Make .venv, or keep one that works.

    Raises:
        SetupFailed: there is no Python 3.11, or the folder cannot be written.
    """
    if environment_version() is not None:
        return
    python = find_python()
    print(f"Making {ENVIRONMENT} with {python}", flush=True)
    venv = subprocess.run([python, "-I", "-m", "venv", "--clear", str(ENVIRONMENT)], env=clean_environment())
    if venv.returncode != 0 or environment_version() is None:
        raise SetupFailed(f"{python} could not make {ENVIRONMENT}. Is the folder writable, and the disk not full?", exit_code=3)


def pip(*arguments: str, quiet: bool = False) -> subprocess.CompletedProcess[str]:
    """Run the environment's pip; its output is the user's progress unless quiet."""
    command = [str(environment_python()), "-I", "-m", "pip", *arguments, "--disable-pip-version-check", "--no-input"]
    if not quiet:
        command += ["--progress-bar", "off"] if "install" in arguments else []
    return subprocess.run(command, env=clean_environment(), capture_output=quiet, text=True)


def install(*arguments: str, packages: str) -> None:
    """Install packages with pip.

    Raises:
        SetupFailed: pip failed; it has said why.
    """
    if pip("install", *arguments).returncode != 0:
        raise SetupFailed(
            f"pip could not install {packages}; the reason stands above. "
            "Check the network (or PIP_INDEX_URL) and the disk, then run this again; where your index has builds of its own, "
            "whose hashes differ, say --any-build.",
            exit_code=3,
        )


def installed_torch() -> Optional[str]:
    """Give the version of the environment's torch, such as 2.13.0+cpu; None without one."""
    probe = "from importlib.metadata import version; print(version('torch'))"
    answer = subprocess.run([str(environment_python()), "-I", "-c", probe], capture_output=True, text=True, env=clean_environment())
    return answer.stdout.strip() if answer.returncode == 0 else None


def install_torch(requirement: str, device: str, index: Optional[str], hashes: bool = True) -> None:
    """Install the build of torch that suits the device.

    pip's plain choice is right for CUDA on Linux and for the CPU on Windows and macOS; on Linux it brings gigabytes of CUDA to a machine
    that cannot use them, unless the studio's own index or wheel folder offers a CPU build. Only those plain builds have hashes here: builds
    of other indexes (`+cpu`, `+cu130`) are checked against what their index says of them.
    """
    present = installed_torch()
    if present is not None and requirement == f"torch=={present.split('+')[0]}":
        if not (device == "cuda" and present.endswith("+cpu")):
            return
        pip("uninstall", "-y", "torch", quiet=True)
    # What torch needs is there already, by its hashes.
    alone = ["--no-deps"] if hashes else []
    if index is not None:
        install(requirement, *alone, "--index-url", index, packages=requirement)
    elif device == "cuda" and WINDOWS:
        build = f"{requirement}+{CUDA_INDEX.rsplit('/', 1)[1]}"
        install(build, *alone, "--extra-index-url", CUDA_INDEX, packages=f"{requirement} for CUDA")
    elif device == "cpu" and sys.platform.startswith("linux"):
        if not plain_torch_brings_cuda(requirement):
            install(requirement, *alone, packages=requirement)
            return
        print("The default build of torch brings CUDA: taking the CPU build instead.", flush=True)
        if pip("install", f"{requirement}+cpu", *alone, "--extra-index-url", CPU_INDEX, "--retries", "1").returncode != 0:
            print("The CPU build cannot be had here: taking the default one, which is several GB.", flush=True)
            install_default_torch(requirement, hashes)
    else:
        install_default_torch(requirement, hashes)


def install_default_torch(requirement: str, hashes: bool) -> None:
    """Install the build that pip takes by itself, and on Linux the CUDA libraries that belong to it."""
    sets = ["torch", "cuda"] if sys.platform.startswith("linux") else ["torch"]
    install(*(locked(*sets) if hashes else [requirement]), packages=requirement)


def plain_torch_brings_cuda(requirement: str) -> bool:
    """Ask pip which build it would take, without taking it."""
    answer = pip("install", "--dry-run", "--no-deps", "--quiet", "--report", "-", requirement, quiet=True)
    try:
        chosen = json.loads(answer.stdout)["install"]
    except (ValueError, KeyError):
        return True
    return not any(package["metadata"]["version"].endswith("+cpu") for package in chosen)


def setup(device: str, extras: Sequence[str], torch_index: Optional[str], force: bool, hashes: bool = True) -> None:
    """Make the environment complete, and check it; nothing is done when it already is.

    Args:
        device: auto, cpu or cuda.
        extras: of EXTRAS.
        torch_index: where torch is taken from; None: where it suits the device.
        force: install again even if the environment is complete.
        hashes: take only files whose hashes are known; without them any build of a pinned version will do.

    Raises:
        SetupFailed: a step failed.
    """
    stamp = read_stamp()
    if device == "auto":
        device = str(stamp.get("device") or ("cuda" if has_nvidia() else "cpu"))
    # What an earlier set-up brought stays, so that `demo` after `test` does not forget the test tools.
    before = stamp.get("extras")
    extras = sorted({*extras, *(name for name in (before if isinstance(before, list) else []) if name in EXTRAS)})
    wanted = make_stamp(device, extras)
    if not force and is_complete(wanted, stamp):
        print(f"Set-up is complete: {ENVIRONMENT} ({device}).", flush=True)
        return
    steps = 4
    report(1, steps, "Python 3.11 environment")
    if STAMP.exists():
        STAMP.unlink()
    make_environment()
    core = requirement_lines("core")
    torch = next(line for line in core if line.startswith("torch=="))
    report(2, steps, "packages: core" + "".join(f", {name}" for name in extras))
    others = [line for name in ("core", *extras) for line in requirement_lines(name) if line != torch]
    install(*(locked("core", *extras) if hashes else ["setuptools", *others]), packages="the pinned packages")
    report(3, steps, f"torch for {device}")
    install_torch(torch, device, torch_index, hashes)
    # Editable, so that the isolated interpreter that Nuke starts (-I) finds this checkout.
    install("--no-deps", "--no-build-isolation", "-e", str(CHECKOUT), packages="XMem Roto itself")
    report(4, steps, "checking the installation")
    if core_command("doctor") != 0:
        raise SetupFailed("The environment is there, but doctor found it unfit; what is wrong stands above.", exit_code=3)
    STAMP.write_text(json.dumps(wanted, indent=1), encoding="utf-8")
    print("Set-up done.", flush=True)


# A diagnosis for machines where the core's own doctor cannot start yet


def doctor(arguments: Sequence[str]) -> int:
    """Say what is wrong without changing anything: the core's own page where there is a core, else one about what is missing."""
    missing = missing_environment()
    aside = sys.stderr if "--json" in arguments else sys.stdout
    if missing is None:
        code = core_command("doctor", *arguments)
        stamp = read_stamp()
        known = stamp.get("extras")
        extras = [name for name in (known if isinstance(known, list) else []) if name in EXTRAS]
        if not is_complete(make_stamp(str(stamp.get("device")), extras), stamp):
            print(f"The set-up was interrupted, or is older than this checkout. {RUN_SETUP}", file=aside, flush=True)
        return code
    page = [("!", "environment", missing), *surroundings()]
    if "--json" in arguments:
        states = {"!": "wrong", "-": "note", " ": "ok"}
        findings = [{"subject": subject, "state": states[mark], "text": text} for mark, subject, text in page]
        print(json.dumps({"machine": platform.node(), "state": "wrong", "findings": findings}))
    else:
        print("xmem-roto doctor, before the set-up")
        for mark, subject, text in page:
            print(f"{mark} {subject.ljust(11)}  {text}")
    print(RUN_SETUP, file=aside, flush=True)
    return 2


RUN_SETUP = f"Run `{'py' if WINDOWS else 'python3'} bootstrap.py setup`" + ("." if WINDOWS else ", or `make setup`.")


def missing_environment() -> Optional[str]:
    """Say why the core cannot start, or None when it can."""
    python = environment_python()
    if not ENVIRONMENT.exists():
        return f"there is none yet at {ENVIRONMENT}"
    if environment_version() is None:
        wanted = ".".join(map(str, CORE_PYTHON))
        return f"{python} {f'does not start, or is no Python {wanted}' if python.exists() else 'is missing'}"
    probe = [str(python), "-I", "-c", "import xmemcore.cli.main"]
    try:
        tried = subprocess.run(probe, capture_output=True, text=True, timeout=PYTHON_PROBE_SECONDS, env=clean_environment())
    except (OSError, subprocess.SubprocessError) as error:
        return f"{python} does not answer: {error}"
    last = (tried.stderr.strip().splitlines() or ["no reason given"])[-1]
    return None if tried.returncode == 0 else f"{ENVIRONMENT} is incomplete: {last}"


def surroundings() -> List[Tuple[str, str, str]]:
    """Look at what a set-up would use. Each line is a mark, a subject and a finding."""
    found = python_here()
    if found is not None:
        python = (" ", "python 3.11", found)
    elif shutil.which("uv") is not None:
        python = (" ", "python 3.11", "none here; uv will be asked for one")
    else:
        python = ("!", "python 3.11", f"none here: {GET_PYTHON}")
    device = "cuda" if has_nvidia() else "cpu"
    free = shutil.disk_usage(str(CHECKOUT)).free
    disk = f"{CHECKOUT}, {free / 1e9:.1f} GB free"
    if not os.access(str(CHECKOUT), os.W_OK):
        room = ("!", "disk", f"{disk}, not writable")
    elif free < SETUP_BYTES[device]:
        room = ("-", "disk", f"{disk}; the set-up takes about {SETUP_BYTES[device] / 1e9:.0f} GB")
    else:
        room = (" ", "disk", disk)
    return [
        python,
        (" ", "this python", f"{platform.python_version()} {sys.executable}"),
        (" ", "machine", f"{platform.platform()}, {os.cpu_count()} CPU cores"),
        (" ", "device", f"{device}, which the set-up will install for"),
        room,
    ]


def core_command(*arguments: str) -> int:
    """Run xmem-roto in the environment, with the terminal passed through."""
    return run([str(environment_python()), "-I", "-m", "xmemcore", *arguments])


def run(command: Sequence[str], folder: Optional[Path] = None) -> int:
    """Run a command to its end; Ctrl-C goes to it, and its exit code comes back."""
    with subprocess.Popen(list(command), cwd=None if folder is None else str(folder), env=clean_environment()) as child:
        while True:
            try:
                return child.wait()
            except KeyboardInterrupt:
                # The child has had the same Ctrl-C and ends by itself.
                continue


# Nuke


def add_to_nuke(nuke_folder: Path, remove: bool = False) -> None:
    """Put one line into Nuke's init.py that names this checkout, or take it out again; a second time changes nothing.

    Raises:
        SetupFailed: the file cannot be read as text or written.
    """
    mark = "# XMem Roto"
    line = f"nuke.pluginAddPath({CHECKOUT.as_posix()!r})  {mark}"
    path = nuke_folder / "init.py"
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        lines = [text for text in before.splitlines() if not re.search(rf"{mark}\s*$", text)]
        if not remove:
            if not any(re.match(r"\s*import\s+nuke\b(?!\.)", text) for text in lines):
                lines.append("import nuke")
            lines.append(line)
        after = "".join(text + "\n" for text in lines)
        if after == before:
            print(f"{path} already {'has no line of' if remove else 'names'} {CHECKOUT}: nothing to do.")
            return
        nuke_folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_name("init.py.xmem-roto.tmp")
        partial.write_text(after, encoding="utf-8")
        os.replace(str(partial), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise SetupFailed(f"Cannot change {path} ({error}). Add this line to it yourself: {line}", exit_code=3) from error
    if remove:
        print(f"Took XMem Roto's line out of {path}. Restart Nuke.")
    else:
        print(f"Added to {path}:\n    {line}")
        print("Restart Nuke; the toolbar then has XMem Roto. Undo with: bootstrap.py nuke --remove")


def options(arguments: Sequence[str]) -> Tuple[argparse.Namespace, List[str]]:
    """Read the command line; options that are not known here go to the command that is started."""
    parser = argparse.ArgumentParser(prog="bootstrap.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "command", nargs="?", default="setup", choices=("setup", "demo", "nuke", "doctor", "bench", "train", "run", *CHECKS, "release")
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: cuda where nvidia-smi finds a GPU")
    parser.add_argument("--extras", default="", metavar="A,B", help="also install: " + EXTRAS_SAID)
    parser.add_argument("--torch-index", metavar="URL", help="package index to take torch from, such as " + CPU_INDEX)
    parser.add_argument(
        "--any-build", action="store_true", help="take the pinned versions without comparing hashes: for an index of your own"
    )
    parser.add_argument("--force", action="store_true", help="install again even if the environment is complete")
    parser.add_argument("--nuke-folder", type=Path, default=Path.home() / ".nuke", help="for nuke: the folder whose init.py is changed")
    parser.add_argument("--remove", action="store_true", help="for nuke: take the line out again")
    return parser.parse_known_args(arguments)


def main(arguments: Optional[Sequence[str]] = None) -> int:
    chosen, rest = options(sys.argv[1:] if arguments is None else arguments)
    if rest and chosen.command in ("setup", "nuke", "lint"):
        print(f"bootstrap.py {chosen.command} does not know {' '.join(rest)}. See bootstrap.py --help.", file=sys.stderr)
        return 2
    extras = [name for name in chosen.extras.split(",") if name]
    try:
        if chosen.command == "nuke":
            add_to_nuke(chosen.nuke_folder, chosen.remove)
            return 0
        if chosen.command == "doctor":
            return doctor(rest)
        unknown = [name for name in extras if name not in EXTRAS]
        if unknown:
            raise SetupFailed(f"There is no extra called {unknown[0]}. These exist: {EXTRAS_SAID}.")
        if chosen.command in CHECKS:
            extras += TESTED_EXTRAS
        elif chosen.command == "release":
            extras.append("dev")
        setup(chosen.device, extras, chosen.torch_index, chosen.force, hashes=not chosen.any_build)
        if chosen.command in CHECKS:
            return run([str(environment_python()), "-m", "tests.checks", CHECKS[chosen.command], *rest], folder=CHECKOUT)
        if chosen.command == "release":
            return run([str(environment_python()), "-m", "tests.release", *rest], folder=CHECKOUT)
        if chosen.command == "run":
            return core_command(*rest)
        if chosen.command != "setup":
            return core_command(chosen.command, *rest)
        return 0
    except SetupFailed as failure:
        print(f"Set-up failed: {failure}", file=sys.stderr, flush=True)
        return failure.exit_code
    except KeyboardInterrupt:
        print("Set-up stopped; run it again to go on.", file=sys.stderr, flush=True)
        return 130


if __name__ == "__main__":
    sys.exit(main())
