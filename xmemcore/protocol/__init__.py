"""What plugin and core must agree on: requests, results, places, names, files. Standard library only, Python 3.9."""
