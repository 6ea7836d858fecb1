"""One frame, the order of frames, and suggestion: the only place where network and memory meet.

Objects are positions from 0, frames are indices from 0, images are normalised tensors at working size.
"""
