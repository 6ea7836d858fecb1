"""Score memory elements against query positions, and sum the values of the best."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from xmemcore.memory.segment import best_in_groups


def similarity(key: Tensor, shrinkage: Tensor, query: Tensor, selection: Tensor | None) -> Tensor:
    """Score every memory element against every query position.

    Args:
        key: (B, Ck, N).
        shrinkage: (B, 1, N), at least 1; None: 1 everywhere.
        query: (B, Ck, Q).
        selection: (B, Ck, Q), in [0, 1]; None: 1 everywhere, and the query's own norm, the same for all elements, is left out.

    Returns:
        (B, N, Q), at most 0 up to rounding; 0 is a perfect match.

    Source: XMem, Cheng & Schwing, arXiv 2207.07115, "Memory Reading" (anisotropic L2).
    """
    if selection is None:
        scores = 2 * (key.transpose(1, 2) @ query) - key.square().sum(dim=1).unsqueeze(2)
    else:
        scores = 2 * (key.transpose(1, 2) @ (query * selection)) - key.square().transpose(1, 2) @ selection
        scores = scores - (selection * query.square()).sum(dim=1, keepdim=True)
    if shrinkage is not None:
        scores = scores * shrinkage.transpose(1, 2)
    return scores / math.sqrt(key.shape[1])


def top_k_softmax(scores: Tensor, k: int | None) -> Tensor:
    """Keep each query's k best elements and normalise them.

    Args:
        scores: (B, N, Q).
        k: elements kept; None or more than N: all.

    Returns:
        Affinity (B, N, Q); columns sum to 1, at most k entries of each are not 0.
    """
    # Without this a weak match underflows in float16 and its column becomes 0 / 0.
    scores = scores - scores.amax(dim=1, keepdim=True)
    if k is None or k >= scores.shape[1]:
        return torch.softmax(scores, dim=1)
    best, where = torch.topk(scores, k, dim=1)
    return torch.zeros_like(scores).scatter_(1, where, torch.softmax(best, dim=1))


# The same arithmetic for one shot's memory, without ever holding the (N, Q) affinity: elements first, no batch axis.


def element_side(key: Tensor, shrinkage: Tensor) -> Tensor:
    """Prepare memory elements so that one product scores them.

    Args:
        key: (N, Ck).
        shrinkage: (N,).

    Returns:
        (N, 2 * Ck + 1).
    """
    scale = (shrinkage / math.sqrt(key.shape[1])).unsqueeze(1)
    return torch.cat((key.square() * -scale, key * (2 * scale), -scale), dim=1)


def query_side(query: Tensor, selection: Tensor) -> Tensor:
    """Prepare query positions for `element_side`.

    Args:
        query: (Q, Ck).
        selection: (Q, Ck), in [0, 1].

    Returns:
        (Q, 2 * Ck + 1), whose product with the element side is the similarity.
    """
    weighted = query * selection
    return torch.cat((selection, weighted, (weighted * query).sum(dim=1, keepdim=True)), dim=1)


def best_elements(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Find each query's k best elements and their affinities.

    Args:
        scores: (Q, N); minus infinity where an element may not answer, but not in a whole row.
        k: elements kept; all when there are fewer.

    Returns:
        Indices (Q, k) and affinities (Q, k), rows of which sum to 1.
    """
    best, where = best_in_groups(scores, k)
    return where, torch.softmax(best, dim=1)


def gather(value: Tensor, where: Tensor, weight: Tensor) -> Tensor:
    """Sum the chosen elements' values, weighted.

    Args:
        value: (N, C).
        where: (Q, k), indices into the elements.
        weight: (Q, k).

    Returns:
        (Q, C).
    """
    return F.embedding_bag(where, value, mode="sum", per_sample_weights=weight.to(value.dtype))
