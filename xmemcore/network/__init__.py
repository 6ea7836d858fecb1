"""XMem's modules, with the official checkpoint's names; it does not know memory, shots or plate files."""
