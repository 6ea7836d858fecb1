"""Seeded attacks, outside of the test suite: damaged inputs (`python -m tests.fuzz`), and kills (`python -m tests.fuzz.kills`)."""
