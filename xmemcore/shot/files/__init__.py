"""Files on disk: numbered sequences, EXR, pictures, and writing that is whole or not at all."""
