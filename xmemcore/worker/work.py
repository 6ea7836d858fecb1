"""Call the shot for each kind of request; no other module of the worker does."""

from __future__ import annotations

from xmemcore.protocol.messages import Approve, Clear, Fit, Models, Propagate, Status, Suggest
from xmemcore.protocol.results import Cleared, ModelEntry, ModelList, Result
from xmemcore.worker.jobs import JobListener, Request


def work(request: Request, listener: JobListener) -> Result:
    """Do one request; torch is imported with the first one, so that the greeting does not wait for it."""
    if isinstance(request, Propagate):
        from xmemcore.shot.propagate import propagate

        return propagate(request.request, listener)
    if isinstance(request, Suggest):
        from xmemcore.shot.suggest import suggest
        from xmemcore.worker.thumbnails import with_thumbnails

        return with_thumbnails(request.request, suggest(request.request, listener))
    if isinstance(request, Fit):
        from xmemcore.shot.fit import fit_shapes

        return fit_shapes(request.request, listener)
    if isinstance(request, Approve):
        from xmemcore.shot.inputs.approved import approve

        return approve(request.request)
    if isinstance(request, Status):
        from xmemcore.shot.status import node_status

        return node_status(request.request)
    if isinstance(request, Models):
        return model_list()
    assert isinstance(request, Clear)
    from xmemcore.shot.store.state import clear_node

    clear_node(request.node_id, request.cache)
    return Cleared()


def model_list() -> ModelList:
    """List what is installed, the default first, and what can be fetched."""
    from xmemcore.network import catalogue

    installed = catalogue.installed()
    names = {model.name for model in installed}
    return ModelList(
        tuple(ModelEntry(model.name, model.summary, model.terms, True, model.sha256) for model in installed)
        + tuple(ModelEntry(known.name, known.summary, known.terms, False) for known in catalogue.KNOWN if known.name not in names)
    )
