"""What a shot remembers and how it is read: affinity, permanent, working and long-term memory. It takes tensors and knows no network.

Elements come first here: a key is (N, Ck), a value (N, K, Cv), because a read gathers whole elements.
"""
