"""Files on disk: numbered sequences, EXR, pictures; written whole or not at all. Public: sequence, exr, pictures, box, layers."""
