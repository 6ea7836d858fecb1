"""Set up the core from Nuke's menu: a plain Python runs bootstrap.py in the background, and its steps are shown."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Callable, Iterator, List, Optional, Tuple

from xmem_roto_nuke import host
from xmem_roto_nuke.core.child_process import ChildProcess
from xmem_roto_nuke.core.client import session_core
from xmem_roto_nuke.core.launch import BOOTSTRAP, CHECKOUT, can_set_up, clean_environment, how_to_set_up, interpreter, log_folder
from xmemcore.protocol.failures import Cancelled, Failure, MachineError, RequestError

DOCTOR_TIMEOUT_SECONDS = 120


_running: List[threading.Thread] = []


def start() -> Optional[threading.Thread]:
    """Run the set-up in the background, unless it or the diagnosis is at work; main thread. Returns its thread."""
    if not can_set_up():
        host.tell(f"There is no {BOOTSTRAP} in {CHECKOUT}. {how_to_set_up()}")
        return None
    at_work = [thread.name for thread in _running if thread.is_alive()]
    if at_work:
        host.tell(f"{at_work[0]} is at work; see its progress bar, and choose this again when it has finished.")
        return None
    session_core().close()  # a running core holds the files that are to be replaced
    return _in_background("set up", _set_up)


def diagnose() -> Optional[threading.Thread]:
    """Show the doctor's page; main thread."""
    return _in_background("diagnosis", _diagnose)


def python() -> str:
    """Find a plain Python of version 3.9 or later: Nuke's own, else one on the PATH. Nuke's executable is none.

    Raises:
        RequestError.
    """
    for candidate in _candidates():
        if candidate and os.path.isfile(candidate):
            return candidate
    raise RequestError(f"No Python was found to run the set-up. Install Python 3.11, then run `python bootstrap.py` in {CHECKOUT}.")


def _candidates() -> Iterator[str]:
    suffix = ".exe" if sys.platform == "win32" else ""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    for folder in (Path(sys.base_prefix) / "bin", Path(sys.base_prefix), Path(sys.executable).parent):
        for name in (f"python{version}", "python3", "python"):
            yield str(folder / (name + suffix))
    for name in ("python3.11", "python3", "python", "py"):
        yield shutil.which(name) or ""


def _in_background(title: str, work: Callable[[host.ProgressBar], str]) -> threading.Thread:
    def run() -> None:
        bar = host.ProgressBar(f"XMem Roto: {title}")
        try:
            sentence = work(bar)
        except Cancelled:
            return
        except Failure as failure:
            sentence = str(failure)
        except (OSError, subprocess.SubprocessError) as error:
            sentence = f"XMem {title} did not work: {error}. {how_to_set_up()}"
        finally:
            bar.close()
        try:
            host.in_main(host.tell, sentence)
        except Cancelled:
            pass  # Nuke is closing

    thread = threading.Thread(target=run, name=f"XMem {title}", daemon=True)
    _running.append(thread)
    thread.start()
    return thread


def _set_up(bar: host.ProgressBar) -> str:
    """Run bootstrap.py and show its `[2/4] ...` lines."""
    last = ""
    process = ChildProcess([python(), str(CHECKOUT / BOOTSTRAP), "setup"], str(CHECKOUT), clean_environment())
    for line in process.lines():
        last = line.strip() or last
        step = _step(line)
        if step is not None:
            bar.show(*step)
        if bar.cancelled:
            process.kill()
            raise Cancelled("The set-up was stopped; run it again to go on.")
    if process.exit_code != 0:
        raise MachineError(f"The set-up failed: {last} Run `python bootstrap.py` in {CHECKOUT} to see everything it says.")
    return "The core is set up. Create an XMemRoto node and press Propagate."


def _step(line: str) -> Optional[Tuple[int, int, str]]:
    """Read `[2/4] text`."""
    if not line.startswith("[") or "]" not in line:
        return None
    counts, text = line[1:].split("]", 1)
    done, _, total = counts.partition("/")
    return (int(done) - 1, int(total), text.strip()) if done.isdigit() and total.isdigit() else None


def _diagnose(bar: host.ProgressBar) -> str:
    bar.show(0, 1, "asking the core")
    try:
        answer = subprocess.run(
            [str(interpreter()), "-I", "-c", f"import sys; sys.path.insert(0, {str(CHECKOUT)!r}); sys.argv = ['xmem-roto', 'doctor']; "
             "import runpy; runpy.run_module('xmemcore', run_name='__main__')"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=clean_environment(),
            timeout=DOCTOR_TIMEOUT_SECONDS, text=True, errors="replace",
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise MachineError(
            f"The doctor did not answer within {DOCTOR_TIMEOUT_SECONDS} s. Run `{interpreter()} -m xmemcore doctor` in {CHECKOUT}."
        ) from None
    page = answer.stdout.strip()
    return f"{page}\n\n{_kept(page)}"


def _kept(page: str) -> str:
    """Write the page to a file, since no text can be copied out of Nuke's message; say where it is."""
    nowhere = "It stands in the Script Editor too, from where it can be copied."
    host.in_main(host.say, page)
    path = log_folder() / "diagnosis.txt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page + "\n", encoding="utf-8")
    except OSError:
        return nowhere
    return f"To copy it, open {path}. {nowhere}"
