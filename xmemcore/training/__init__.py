"""How the bundled model is made, and how a studio makes its own. Not needed to make a matte."""
