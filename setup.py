"""Package the core and the plugin.

A wheel holds the core with its `xmem-roto` command, and under `<prefix>/share/xmem-roto` the folder that goes on NUKE_PATH. The source
distribution is a release: unpacked, it is what a checkout is. Pins stand in `requirements/`, which `bootstrap.py` reads too.
"""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).resolve().parent
NUKE_FOLDER = "share/xmem-roto"
SHARED = ("xmemcore/protocol", "xmemcore/curves")
"""The core's part that the plugin imports too."""


def requirements(name: str) -> list[str]:
    """Read the pins of one file of `requirements/`, without its comments."""
    lines = (line.split("#")[0].strip() for line in (HERE / "requirements" / f"{name}.txt").read_text("utf-8").splitlines())
    return [line for line in lines if line]


def version() -> str:
    """Read the version without importing the package."""
    source = (HERE / "xmemcore" / "protocol" / "version.py").read_text("utf-8")
    return re.search(r'^VERSION = "([^"]+)"', source, re.MULTILINE)[1]


def nuke_files() -> list[tuple[str, list[str]]]:
    """List what Nuke needs to find, by target folder: the plugin is imported from there, beside its part of the core."""
    sources = ["init.py", "menu.py", "xmem_roto_nuke.py", "xmemcore/__init__.py"]
    for folder in ("gizmos", "nuke_plugin", *SHARED):
        sources += [p.relative_to(HERE).as_posix() for p in sorted((HERE / folder).rglob("*"))]
    sources = [s for s in sources if (HERE / s).is_file() and "__pycache__" not in s]
    folders = sorted({str(Path(s).parent) for s in sources})
    return [(f"{NUKE_FOLDER}/{folder}".removesuffix("/."), [s for s in sources if str(Path(s).parent) == folder]) for folder in folders]


setup(
    name="xmem-roto",
    version=version(),
    description="XMem++ inside Nuke: roto a few frames, get the mattes of the shot",
    long_description=(HERE / "README.md").read_text("utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11,<3.12",
    packages=find_packages(include=["xmemcore", "xmemcore.*"]),
    package_data={
        "xmemcore.network": ["*.safetensors", "weights/*.safetensors", "weights/*.json"],
        "xmemcore.evaluation": ["parts.json"],
        "xmemcore.training": ["recipes/*.toml", "*.tsv"],
    },
    data_files=nuke_files(),
    install_requires=requirements("core"),
    extras_require={name: requirements(name) for name in ("plates", "color", "cryptomatte", "matting", "farm", "train", "dev")},
    entry_points={"console_scripts": ["xmem-roto = xmemcore.cli.main:main"]},
    classifiers=["Operating System :: OS Independent", "Programming Language :: Python :: 3.11"],
)
