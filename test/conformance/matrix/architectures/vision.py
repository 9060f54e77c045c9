"""Vision transformers."""

ARCHITECTURES = []
