"""Speech models."""

ARCHITECTURES = []
