"""What each request means: the one place where the worker calls the shot."""

from __future__ import annotations

from typing import Any

from xmemcore.protocol.messages import Approve, Clear, Fit, Models, Propagate, Status, Suggest
from xmemcore.worker.jobs import JobListener, Request


def work(request: Request, listener: JobListener) -> dict[str, Any]:
    """Do one request; the shot and with it torch come in with the first one, so that the greeting does not wait for them."""
    if isinstance(request, Propagate):
        from xmemcore.shot.propagate import propagate

        return propagate(request.request, listener).as_json()
    if isinstance(request, Suggest):
        from xmemcore.shot.suggest import suggest
        from xmemcore.worker.thumbnails import write_thumbnails

        found = suggest(request.request, listener)
        return {**found.as_json(), "thumbnails": write_thumbnails(request.request, [one.frame for one in found.suggestions])}
    if isinstance(request, Fit):
        from xmemcore.shot.fit import fit_shapes

        return fit_shapes(request.request, listener).as_json()
    if isinstance(request, Approve):
        from xmemcore.shot.approved import approve

        return approve(request.request).as_json()
    if isinstance(request, Status):
        from xmemcore.shot.status import node_status

        return node_status(request.request).as_json()
    if isinstance(request, Models):
        return {"models": models()}
    assert isinstance(request, Clear)
    from xmemcore.shot.store.state import clear_node

    clear_node(request.node_id, request.cache)
    return {}


def models() -> list[dict[str, Any]]:
    """List what is installed, the default first, and what can be fetched."""
    from xmemcore.network import catalogue

    here = catalogue.installed()
    names = {model.name for model in here}
    return [{"name": m.name, "summary": m.summary, "terms": m.terms, "installed": True} for m in here] + [
        {"name": known.name, "summary": known.summary, "terms": known.terms, "installed": False}
        for known in catalogue.KNOWN
        if known.name not in names
    ]
