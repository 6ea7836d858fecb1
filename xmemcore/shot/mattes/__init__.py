"""What comes out: matte files, the queue that writes them, and result.json beside them."""
