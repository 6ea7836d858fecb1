"""Training of the bundled model, and of a studio's own. Not needed to make a matte."""
