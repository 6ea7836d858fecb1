"""One Nuke at a time for a node: two sessions with the same script would overwrite each other's plates while a core reads them.

The core has a lock for its own files; this one covers the exchange folder.
"""

from __future__ import annotations

import contextlib
from typing import Iterator

from xmem_roto_nuke.handover.exchange_files import changing
from xmemcore.protocol import places
from xmemcore.protocol.failures import Busy
from xmemcore.protocol.file_lock import try_lock, unlock


class NodeElsewhere(Busy):
    """Another Nuke works for the same node."""


@contextlib.contextmanager
def held(node_id: str, node_name: str) -> Iterator[None]:
    """Keep other sessions from a node's exchange folder while the body runs.

    Raises:
        NodeElsewhere: one is there.
        ExchangeUnwritable, ExchangeDiskFailed: there is no place for the lock.
    """
    folder = places.exchange_folder(node_id)
    # Beside the folder: Clear deletes what is in it.
    path = folder.with_name(f"{folder.name}.lock")
    with changing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = open(path, "a+b")  # noqa: SIM115  (closed below)
    with opened as file:
        if not try_lock(file.fileno()):
            raise NodeElsewhere(
                f"Another Nuke is at work for {node_name}: this script is open twice. Wait until that one has finished, "
                "or save this script under another name and press again; the node then becomes one of its own."
            )
        try:
            yield
        finally:
            unlock(file.fileno())
