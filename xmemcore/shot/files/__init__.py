"""Files on disk: numbered sequences, EXR, pictures, and how they are written whole or not at all."""
