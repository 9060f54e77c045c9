"""Encoder-decoders of text."""

ARCHITECTURES = []
