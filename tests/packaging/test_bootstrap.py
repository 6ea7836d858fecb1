"""The set-up script: finds a Python, does nothing twice, changes Nuke's init.py with care, and fails with one sentence."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def bootstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module, with its environment in an empty folder."""
    spec = importlib.util.spec_from_file_location("bootstrap_under_test", CHECKOUT / "bootstrap.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ENVIRONMENT", tmp_path / ".venv")
    monkeypatch.setattr(module, "STAMP", tmp_path / ".venv" / "xmem-roto-setup.json")
    return module


@pytest.fixture
def installs(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Let pip, venv and doctor succeed without doing anything; note what pip was asked to do."""
    calls: list[tuple[str, ...]] = []

    def pip(*arguments: str, quiet: bool = False) -> subprocess.CompletedProcess[str]:
        calls.append(arguments)
        return subprocess.CompletedProcess(arguments, 0, '{"install": [{"metadata": {"version": "2.13.0+cpu"}}]}', "")

    monkeypatch.setattr(bootstrap, "pip", pip)
    monkeypatch.setattr(bootstrap, "make_environment", lambda: bootstrap.ENVIRONMENT.mkdir(exist_ok=True))
    monkeypatch.setattr(bootstrap, "environment_version", lambda: "3.11.7" if bootstrap.ENVIRONMENT.is_dir() else None)
    monkeypatch.setattr(bootstrap, "installed_torch", lambda: None)
    monkeypatch.setattr(bootstrap, "core_command", lambda *arguments: 0)
    monkeypatch.setattr(bootstrap, "has_nvidia", lambda: False)
    return calls


def test_packages_that_came_with_the_archive_are_taken_and_nothing_is_fetched(
    bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "WHEELHOUSE", tmp_path / "wheelhouse")
    assert "PIP_NO_INDEX" not in bootstrap.clean_environment()
    (tmp_path / "wheelhouse").mkdir()
    environment = bootstrap.clean_environment()
    assert (environment["PIP_NO_INDEX"], environment["PIP_FIND_LINKS"]) == ("1", str(tmp_path / "wheelhouse"))


def test_script_runs_on_every_python_from_3_9(tmp_path: Path) -> None:
    """Whichever of them are on this machine; the version that runs the tests is one."""
    found = [sys.executable]
    for version in ("3.9", "3.10", "3.12", "3.13"):
        for candidate in (shutil.which(f"python{version}"), *map(str, Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))):
            if candidate and subprocess.run([candidate, "-c", ""], capture_output=True).returncode == 0:
                found.append(candidate)
                break
    for python in found:
        answer = subprocess.run([python, str(CHECKOUT / "bootstrap.py"), "--help"], capture_output=True, text=True, timeout=60)
        assert answer.returncode == 0, (python, answer.stderr)
        assert "make .venv with Python 3.11" in answer.stdout


def test_second_set_up_does_nothing(bootstrap: ModuleType, installs: list, capsys: pytest.CaptureFixture[str]) -> None:
    assert bootstrap.main(["setup"]) == 0
    assert [line.split("]")[0] for line in capsys.readouterr().out.splitlines() if line.startswith("[")] == ["[1/4", "[2/4", "[3/4", "[4/4"]
    done = len(installs)
    assert done > 0
    assert bootstrap.main(["setup"]) == 0
    assert len(installs) == done
    assert "Set-up is complete" in capsys.readouterr().out


def test_changed_pin_is_installed(bootstrap: ModuleType, installs: list, monkeypatch: pytest.MonkeyPatch) -> None:
    bootstrap.main(["setup"])
    done = len(installs)
    lines = bootstrap.requirement_lines
    monkeypatch.setattr(bootstrap, "requirement_lines", lambda name: [*lines(name), "new-package==1.0"] if name == "core" else lines(name))
    bootstrap.main(["setup"])
    assert any("--require-hashes" in call for call in installs[done:])


def test_test_tools_stay_when_the_demo_runs_after_the_tests(bootstrap: ModuleType, installs: list, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "run", lambda command, folder=None: 0)
    bootstrap.main(["test"])
    done = len(installs)
    assert bootstrap.main(["demo"]) == 0
    assert bootstrap.main(["test"]) == 0
    assert len(installs) == done


def test_interrupted_set_up_is_not_taken_for_complete(bootstrap: ModuleType, installs: list, monkeypatch: pytest.MonkeyPatch) -> None:
    bootstrap.main(["setup"])
    monkeypatch.setattr(bootstrap, "core_command", lambda *arguments: 3)
    assert bootstrap.main(["setup", "--force"]) == 3
    assert bootstrap.read_stamp() == {}


def test_moved_checkout_is_set_up_again(bootstrap: ModuleType, installs: list) -> None:
    bootstrap.main(["setup"])
    stamp = json.loads(bootstrap.STAMP.read_text())
    bootstrap.STAMP.write_text(json.dumps({**stamp, "checkout": "/elsewhere"}))
    done = len(installs)
    bootstrap.main(["setup"])
    assert len(installs) > done


@pytest.mark.parametrize("stamp", ["", "[]", "{", '{"pins": 3}'])
def test_damaged_stamp_means_set_up_again(bootstrap: ModuleType, installs: list, stamp: str) -> None:
    bootstrap.ENVIRONMENT.mkdir()
    bootstrap.STAMP.write_text(stamp)
    assert bootstrap.main(["setup"]) == 0
    assert installs


def test_pip_failure_is_one_sentence_and_exit_code_3(
    bootstrap: ModuleType, installs: list, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "pip", lambda *arguments, quiet=False: subprocess.CompletedProcess(arguments, 1, "", ""))
    assert bootstrap.main(["setup", "--torch-index", "https://example.invalid"]) == 3
    assert capsys.readouterr().err.startswith("Set-up failed: pip could not install the pinned packages;")


def test_machine_without_python_3_11_is_told_what_to_install(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "base_python", lambda command: None)
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: None)
    assert bootstrap.main(["setup"]) == 2
    err = capsys.readouterr().err
    assert "needs Python 3.11" in err and "XMEM_ROTO_BASE_PYTHON" in err and err.count("\n") == 1


def test_uv_brings_a_python_where_there_is_none(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "python_candidates", lambda: iter([["no-such-python"]]))
    monkeypatch.setattr(bootstrap, "base_python", lambda command: "/uv/python3.11" if command == ["/uv/python3.11"] else None)
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: "/bin/uv" if name == "uv" else None)
    asked: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, "/uv/python3.11\n", "")

    monkeypatch.setattr(bootstrap.subprocess, "run", run)
    assert bootstrap.find_python() == "/uv/python3.11"
    assert asked[0] == ["/bin/uv", "python", "install", "3.11"]


def test_this_interpreter_is_recognised_and_others_are_not(bootstrap: ModuleType, tmp_path: Path) -> None:
    expected = sys.version_info[:2] == bootstrap.CORE_PYTHON
    assert (bootstrap.base_python([sys.executable]) is not None) == expected
    pretender = tmp_path / "python3.11"
    pretender.write_text("#!/bin/sh\necho 'not a Python'\n")
    pretender.chmod(0o755)
    assert bootstrap.base_python([str(pretender)]) is None
    assert bootstrap.base_python([str(tmp_path / "nothing")]) is None


def test_environment_is_made_from_the_base_interpreter_not_from_a_virtual_one(bootstrap: ModuleType) -> None:
    base = bootstrap.base_python([sys.executable])
    assert base is None or not (Path(base).parent.parent / "pyvenv.cfg").exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="The default build differs on other systems.")
def test_cpu_machine_takes_the_cpu_build_when_the_default_brings_cuda(
    bootstrap: ModuleType, installs: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    bootstrap.install_torch("torch==2.13.0", "cpu", None)
    assert installs[-1] == ("install", "torch==2.13.0", "--no-deps"), "a CPU build that pip finds by itself is taken as it is"
    monkeypatch.setattr(bootstrap, "plain_torch_brings_cuda", lambda requirement: True)
    bootstrap.install_torch("torch==2.13.0", "cpu", None)
    assert installs[-1][:2] == ("install", "torch==2.13.0+cpu") and bootstrap.CPU_INDEX in installs[-1]


def test_cpu_build_is_replaced_when_cuda_is_asked_for(bootstrap: ModuleType, installs: list, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "installed_torch", lambda: "2.13.0+cpu")
    bootstrap.install_torch("torch==2.13.0", "cpu", None)
    assert installs == []
    bootstrap.install_torch("torch==2.13.0", "cuda", None)
    assert installs[0][:3] == ("uninstall", "-y", "torch") and installs[1][0] == "install"


def test_gpu_machine_is_set_up_for_cuda(bootstrap: ModuleType, installs: list, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "has_nvidia", lambda: True)
    bootstrap.main(["setup"])
    assert bootstrap.read_stamp()["device"] == "cuda"


def test_other_pythons_variables_do_not_reach_ours(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHOME", "/nuke")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/nuke/lib")
    monkeypatch.setenv("PIP_INDEX_URL", "https://studio/simple")
    variables = bootstrap.clean_environment()
    assert "PYTHONHOME" not in variables and "LD_LIBRARY_PATH" not in variables
    assert variables["PIP_INDEX_URL"] == "https://studio/simple"


def test_unknown_extra_and_stray_arguments_are_refused(bootstrap: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert bootstrap.main(["setup", "--extras", "plates,magic"]) == 2
    assert "There is no extra called magic" in capsys.readouterr().err
    assert bootstrap.main(["nuke", "--colour"]) == 2
    assert "does not know --colour" in capsys.readouterr().err


def test_extras_are_the_files_of_requirements_and_help_and_refusal_name_them_all(
    bootstrap: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert {"core", *bootstrap.EXTRAS} == {file.stem for file in (CHECKOUT / "requirements").glob("*.txt")}
    bootstrap.main(["setup", "--extras", "core"])
    refusal = capsys.readouterr().err
    with pytest.raises(SystemExit):
        bootstrap.main(["--help"])
    usage = " ".join(capsys.readouterr().out.split())
    for name, purpose in bootstrap.EXTRAS.items():
        assert f"{name} ({purpose})" in refusal and f"{name} ({purpose})" in usage


def test_extra_that_is_no_more_is_forgotten(bootstrap: ModuleType, installs: list) -> None:
    bootstrap.ENVIRONMENT.mkdir()
    bootstrap.STAMP.write_text(json.dumps({"extras": ["gone", "plates"]}))
    assert bootstrap.main(["setup"]) == 0
    assert bootstrap.read_stamp()["extras"] == ["plates"]


@pytest.fixture
def nothing_set_up(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script on a fresh clone; whatever would install fails the test."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("The doctor must not set anything up.")

    for name in ("setup", "pip", "make_environment", "find_python"):
        monkeypatch.setattr(bootstrap, name, refuse)
    return bootstrap


def test_doctor_of_a_fresh_clone_says_what_is_missing_and_sets_nothing_up(
    nothing_set_up: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert nothing_set_up.main(["doctor"]) == 2
    page, err = capsys.readouterr()
    assert f"! environment  there is none yet at {nothing_set_up.ENVIRONMENT}\n" in page and "bootstrap.py setup`" in page
    assert "\n  python 3.11  " in page and err == ""
    assert not nothing_set_up.ENVIRONMENT.exists()
    monkeypatch.setattr(nothing_set_up, "base_python", lambda command: None)
    monkeypatch.setattr(nothing_set_up.shutil, "which", lambda name: None)
    assert nothing_set_up.main(["doctor", "--json"]) == 2
    page, err = capsys.readouterr()
    (python,) = (finding for finding in json.loads(page)["findings"] if finding["subject"] == "python 3.11")
    assert python["state"] == "wrong" and "install it from python.org" in python["text"]
    assert "bootstrap.py setup`" in err


def test_doctor_tells_an_interrupted_set_up_from_none(nothing_set_up: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    folder = nothing_set_up.ENVIRONMENT
    folder.mkdir()
    assert nothing_set_up.main(["doctor"]) == 2
    assert f"{nothing_set_up.environment_python()} is missing" in capsys.readouterr().out
    shutil.rmtree(folder)
    base = nothing_set_up.base_python([sys.executable])
    if base is None:
        pytest.skip("The tests run in another Python than the core's.")
    subprocess.run([base, "-I", "-m", "venv", "--without-pip", str(folder)], check=True)
    assert nothing_set_up.main(["doctor"]) == 2
    assert f"{folder} is incomplete: ModuleNotFoundError: No module named 'xmemcore'" in capsys.readouterr().out


def test_doctor_of_an_environment_is_the_cores_own(
    nothing_set_up: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(nothing_set_up, "missing_environment", lambda: None)
    monkeypatch.setattr(nothing_set_up, "core_command", lambda *arguments: asked.append(arguments) or 3)
    monkeypatch.setattr(nothing_set_up, "is_complete", lambda wanted, stamp: True)
    assert nothing_set_up.main(["doctor", "--json"]) == 3
    assert asked == [("doctor", "--json")] and capsys.readouterr() == ("", "")
    monkeypatch.setattr(nothing_set_up, "is_complete", lambda wanted, stamp: False)
    nothing_set_up.main(["doctor"])
    assert "older than this checkout. Run `" in capsys.readouterr().out


def nuke(bootstrap: ModuleType, folder: Path, *more: str) -> int:
    return bootstrap.main(["nuke", "--nuke-folder", str(folder), *more])


def test_nuke_gets_one_line_and_no_second_one(bootstrap: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    init = tmp_path / ".nuke" / "init.py"
    assert nuke(bootstrap, init.parent) == 0
    assert init.read_text() == f"import nuke\nnuke.pluginAddPath({CHECKOUT.as_posix()!r})  # XMem Roto\n"
    assert "Added to" in capsys.readouterr().out
    assert nuke(bootstrap, init.parent) == 0
    assert init.read_text().count("pluginAddPath") == 1
    assert "nothing to do" in capsys.readouterr().out


def test_what_stands_in_init_py_stays(bootstrap: ModuleType, tmp_path: Path) -> None:
    init = tmp_path / "init.py"
    init.write_text("import nuke\nnuke.pluginAddPath('./gizmos')  # mine, übrigens", encoding="utf-8")
    nuke(bootstrap, tmp_path)
    text = init.read_text(encoding="utf-8")
    assert text.startswith("import nuke\nnuke.pluginAddPath('./gizmos')  # mine, übrigens\nnuke.pluginAddPath(")
    assert text.count("import nuke") == 1
    nuke(bootstrap, tmp_path, "--remove")
    assert init.read_text(encoding="utf-8") == "import nuke\nnuke.pluginAddPath('./gizmos')  # mine, übrigens\n"


def test_line_of_another_checkout_is_replaced(bootstrap: ModuleType, tmp_path: Path) -> None:
    init = tmp_path / "init.py"
    init.write_text("import nuke\nnuke.pluginAddPath('/old/place')  # XMem Roto\n")
    nuke(bootstrap, tmp_path)
    assert "/old/place" not in init.read_text() and CHECKOUT.as_posix() in init.read_text()


def test_init_py_that_is_no_text_is_left_alone(bootstrap: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    init = tmp_path / "init.py"
    init.write_bytes(b"\xff\xfe\x00broken")
    assert nuke(bootstrap, tmp_path) == 3
    assert init.read_bytes() == b"\xff\xfe\x00broken"
    assert "Add this line to it yourself" in capsys.readouterr().err


def test_exit_code_of_what_is_started_comes_back(bootstrap: ModuleType) -> None:
    assert bootstrap.run([sys.executable, "-c", "raise SystemExit(7)"]) == 7


def test_pins_are_exact_and_each_stands_once(bootstrap: ModuleType) -> None:
    seen: set[str] = set()
    for file in sorted((CHECKOUT / "requirements").glob("*.txt")):
        for line in bootstrap.requirement_lines(file.stem):
            name, separator, version = line.partition("==")
            assert separator and version, f"{file.name}: {line} is not pinned"
            assert name.lower() not in seen, f"{name} is pinned twice"
            seen.add(name.lower())


def locked(name: str) -> dict[str, tuple[str, list[str]]]:
    """By package, what follows its name, and its hashes."""
    text = (CHECKOUT / "requirements" / "locked" / f"{name}.txt").read_text().replace("\\\n", "")
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            requirement, *hashes = line.split("--hash=")
            package, _, rest = requirement.partition("==")
            found[package] = rest.strip(), [word.strip() for word in hashes]
    return found


def test_every_package_of_a_set_up_is_locked_with_its_hashes(bootstrap: ModuleType) -> None:
    for name in ("core", *bootstrap.EXTRAS):
        packages = {**locked("core"), **locked("torch"), **locked(name)}
        for line in bootstrap.requirement_lines(name):
            package, _, version = line.partition("==")
            locked_version = packages[package.lower().replace("_", "-")][0]
            assert locked_version.split(" ")[0] == version, f"{line} is locked as {locked_version}: run requirements/lock.py"
        for package, (_, hashes) in packages.items():
            assert hashes and all(re.fullmatch("sha256:[0-9a-f]{64}", file_hash) for file_hash in hashes), package
    assert len(locked("torch")["torch"][1]) == len(locked("core")["numpy"][1]) == 4, "one file for each of four platforms"


def test_what_is_locked_is_all_that_the_installed_packages_need() -> None:
    markers = pytest.importorskip("packaging.requirements")
    for name in ("core", "plates", "color", "farm", "dev"):
        packages = {**locked("core"), **locked("torch"), **locked(name)}
        for package in packages:
            try:
                needed = importlib.metadata.requires(package) or []
            except importlib.metadata.PackageNotFoundError:
                continue
            for need in map(markers.Requirement, needed):
                if need.marker is None or need.marker.evaluate({"extra": ""}):
                    if package == "torch" and need.marker is not None:
                        continue  # of the builds that bring CUDA
                    assert need.name.lower().replace("_", "-").replace(".", "-") in packages, f"{package} needs {need.name}"


def test_packages_are_installed_by_their_hashes_unless_any_build_will_do(bootstrap: ModuleType, installs: list) -> None:
    bootstrap.main(["setup", "--extras", "plates"])
    (packages,) = (call for call in installs if str(bootstrap.LOCKED / "plates.txt") in call)
    assert packages[:3] == ("install", "--require-hashes", "--no-deps") and str(bootstrap.LOCKED / "core.txt") in packages
    installs.clear()
    bootstrap.main(["setup", "--extras", "plates", "--any-build", "--force"])
    assert not any("--require-hashes" in call for call in installs)
    assert any("numpy==" in word for call in installs for word in call)


def test_default_torch_is_installed_by_its_hashes(bootstrap: ModuleType, installs: list) -> None:
    bootstrap.install_torch("torch==2.13.0", "cuda", None)
    assert str(bootstrap.LOCKED / "torch.txt") in installs[-1] and "--require-hashes" in installs[-1]
    assert (str(bootstrap.LOCKED / "cuda.txt") in installs[-1]) == sys.platform.startswith("linux")


def test_makefile_and_ci_call_what_exists() -> None:
    makefile = (CHECKOUT / "Makefile").read_text()
    for target in ("demo", "setup", "nuke", "lint", "bench", "doctor", "release"):
        assert f"\n{target}:\n\t@$(PYTHON) bootstrap.py {target}" in makefile
    assert "\ntest test-fast test-all:\n\t@$(PYTHON) bootstrap.py $@" in makefile
    ci = CHECKOUT / ".ci" / "run"
    assert os.access(ci, os.X_OK) and "\nmake test\n" in ci.read_text()
