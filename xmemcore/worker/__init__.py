"""The door that Nuke uses: requests come in on stdin, one at a time they are done, what happens goes out on stdout."""
