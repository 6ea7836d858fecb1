"""The XMemRoto node: its identity, settings and home, its runs, and where its files go."""
