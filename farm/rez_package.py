# A Rez package around an installation that `bootstrap.py setup` made; copy it to packages/xmem_roto/<version>/package.py.
# Not checked with Rez. The core runs in its own Python, so it is no requirement here, and nothing of Nuke's Python changes.
name = "xmem_roto"
version = "0.3.0"
description = "XMem++ inside Nuke: roto a few frames, get the mattes of the shot"
variants = [["platform-linux", "arch-x86_64"]]
requires = ["~nuke-14+<18"]


def commands():
    root = "/opt/xmem-roto"  # a release, unpacked and set up there once
    env.NUKE_PATH.append(root)  # noqa: F821
    env.PATH.append(f"{root}/.venv/bin")  # noqa: F821
    env.XMEM_ROTO_PYTHON = f"{root}/.venv/bin/python"  # noqa: F821
    env.XMEM_ROTO_MODELS = "/studio/models"  # noqa: F821
    env.XMEM_ROTO_CACHE = "/fast/xmem-roto"  # noqa: F821
