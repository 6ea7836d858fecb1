"""The worker that Nuke starts: it reads requests on stdin, does them one at a time, and reports on stdout."""
