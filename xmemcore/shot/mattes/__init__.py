"""The output: matte files, the queue that writes them, and the steps between prediction and file."""
