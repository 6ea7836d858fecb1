"""What a render farm is told on stdout, in the words of Open Job Description, which AWS Deadline Cloud speaks too.

Source: Open Job Description, "How Jobs Are Run", stdout messages (github.com/OpenJobDescription/openjd-specifications).
"""

from __future__ import annotations

import os
from typing import Mapping, Optional

from xmemcore.protocol.words import one_line

SESSION_VARIABLES = ("OPENJD_SESSION_WORKING_DIR", "DEADLINE_SESSION_ID")
"""One of these is set where such a farm runs us."""


def in_session(environment: Optional[Mapping[str, str]] = None) -> bool:
    """Say whether a farm listens to stdout."""
    environment = os.environ if environment is None else environment
    return any(environment.get(name) for name in SESSION_VARIABLES)


def progress(percent: int) -> str:
    """Say how far the task is, in [0, 100]."""
    return f"openjd_progress: {percent}"


def status(text: str) -> str:
    """Say what is being done, for the monitor's one line."""
    return f"openjd_status: {one_line(text)}"


def failed(sentence: str) -> str:
    """Say why the task fails, for the monitor's one line."""
    return f"openjd_fail: {one_line(sentence)}"
