"""The XMemRoto node: its identity, settings and home, its runs, and where its files go. Public: identity, settings, runs, places, home."""
