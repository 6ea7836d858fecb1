"""XMem's modules, with the official checkpoint's names; it knows nothing of memory, shots or files of plates."""
