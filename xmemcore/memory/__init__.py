"""The memory of a shot and its reading: affinity, permanent, working and long-term memory. It takes tensors and knows no network.

Elements come first here: a key is (N, Ck), a value (N, K, Cv), because a read gathers whole elements.
"""
