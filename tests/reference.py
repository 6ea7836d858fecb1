"""The formulas as slow loops, to hold the fast code against. Nothing here is imported by the product."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def similarity(key: Tensor, shrinkage: Tensor, query: Tensor, selection: Tensor) -> Tensor:
    """S[n, q] = -s_n / sqrt(Ck) * sum_c e_q[c] (k_n[c] - q_q[c])^2, from (N, Ck), (N,), (Q, Ck), (Q, Ck)."""
    scores = torch.zeros(len(key), len(query), dtype=torch.float64)
    for n in range(len(key)):
        for q in range(len(query)):
            total = 0.0
            for c in range(key.shape[1]):
                total += float(selection[q, c]) * (float(key[n, c]) - float(query[q, c])) ** 2
            scores[n, q] = -float(shrinkage[n]) / math.sqrt(key.shape[1]) * total
    return scores


def readout(scores: Tensor, value: Tensor, top_k: int, allowed: list[bool] | None = None) -> tuple[Tensor, Tensor]:
    """Softmax over each query's top_k best allowed elements; gives readout (Q, Cv) and usage (N,)."""
    elements, queries = scores.shape
    result = torch.zeros(queries, value.shape[1], dtype=torch.float64)
    usage = torch.zeros(elements, dtype=torch.float64)
    for q in range(queries):
        candidates = [n for n in range(elements) if allowed is None or allowed[n]]
        best = sorted(candidates, key=lambda n: -float(scores[n, q]))[:top_k]
        highest = max(float(scores[n, q]) for n in best)
        weights = {n: math.exp(float(scores[n, q]) - highest) for n in best}
        total = sum(weights.values())
        for n, weight in weights.items():
            result[q] += weight / total * value[n].double()
            usage[n] += weight / total
    return result, usage


def aggregate(probabilities: list[float]) -> list[float]:
    """Odds of each plane over the sum of all odds, background first, for one pixel."""
    background = math.prod(1 - p for p in probabilities)
    odds = []
    for p in [background, *probabilities]:
        p = min(max(p, 1e-7), 1 - 1e-7)
        odds.append(p / (1 - p))
    return [o / sum(odds) for o in odds]


def nearest_cells(one: Tensor, other: Tensor) -> Tensor:
    """Distance of each cell of a frame (cells, Ck) to the nearest cell of another one."""
    return torch.stack([min((cell - there).double().square().sum().sqrt() for there in other) for cell in one]).float()
