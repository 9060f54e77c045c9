"""The table: one entry an architecture, one file a family."""

from . import causal, encoder, seq2seq, speech, vision

FAMILIES = {
    "causal": causal.ARCHITECTURES,
    "encoder": encoder.ARCHITECTURES,
    "vision": vision.ARCHITECTURES,
    "seq2seq": seq2seq.ARCHITECTURES,
    "speech": speech.ARCHITECTURES,
}
