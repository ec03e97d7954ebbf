"""The models that the README and the demo run, each with a workspace of its own."""
