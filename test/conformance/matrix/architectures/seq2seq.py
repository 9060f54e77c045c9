"""Encoder-decoders of text."""

from transformers import (
    AutoModelForSeq2SeqLM,
    BartConfig,
    M2M100Config,
    MarianConfig,
    MBartConfig,
    MT5Config,
    PegasusConfig,
    T5Config,
)

from architecture import BOTH, HEADS, HIDDEN, INNER, LAYERS, POSITIONS, VOCAB, Architecture, Cell, branch, stack, variants

SPECIAL = dict(pad_token_id=0, eos_token_id=1, bos_token_id=2, decoder_start_token_id=2)
COMMON = SPECIAL | dict(
    vocab_size=VOCAB,
    d_model=HIDDEN,
    encoder_layers=LAYERS,
    decoder_layers=LAYERS,
    encoder_attention_heads=HEADS,
    decoder_attention_heads=HEADS,
    encoder_ffn_dim=INNER,
    decoder_ffn_dim=INNER,
    max_position_embeddings=POSITIONS,
)
T5 = dict(
    vocab_size=VOCAB,
    d_model=HIDDEN,
    d_kv=HIDDEN // HEADS,
    d_ff=INNER,
    num_layers=LAYERS,
    num_heads=HEADS,
    relative_attention_num_buckets=8,
    relative_attention_max_distance=12,
    decoder_start_token_id=0,
)


def seq2seq(config):
    return lambda: AutoModelForSeq2SeqLM.from_config(config)


def bart_like(root: str = "model"):
    """Blocks that add the residual around attention modules and a last projection."""
    encoder = stack(
        branch("attention", f"{root}.encoder.layers.{{}}.self_attn"), branch("mlp", f"{root}.encoder.layers.{{}}.fc2")
    )
    decoder = stack(
        branch("attention", f"{root}.decoder.layers.{{}}.self_attn"),
        branch("cross-attention", f"{root}.decoder.layers.{{}}.encoder_attn"),
        branch("mlp", f"{root}.decoder.layers.{{}}.fc2"),
    )
    return encoder + decoder


T5_BRANCHES = stack(
    branch("attention", "encoder.block.{}.layer.0.SelfAttention"),
    branch("mlp", "encoder.block.{}.layer.1.DenseReluDense"),
) + stack(
    branch("attention", "decoder.block.{}.layer.0.SelfAttention"),
    branch("cross-attention", "decoder.block.{}.layer.1.EncDecAttention"),
    branch("mlp", "decoder.block.{}.layer.2.DenseReluDense"),
)


def text(name: str, config, branches, *more: Cell) -> Architecture:
    return Architecture(name, "seq2seq", seq2seq(config), branches, BOTH + more)


ARCHITECTURES = [
    text("t5", T5Config(**T5), T5_BRANCHES, *variants("eager", "static", "hidden", "simplified")),
    text("flan-t5", T5Config(**T5, feed_forward_proj="gated-gelu", tie_word_embeddings=False), T5_BRANCHES, *variants("eager")),
    text("mt5", MT5Config(**T5, feed_forward_proj="gated-gelu", tie_word_embeddings=False), T5_BRANCHES, *variants("eager")),
    text("bart", BartConfig(**COMMON), bart_like(), *variants("static", "eager", "hidden", "simplified")),
    text("mbart", MBartConfig(**COMMON, scale_embedding=True), bart_like()),
    text("marian", MarianConfig(**COMMON), bart_like()),
    text("pegasus", PegasusConfig(**COMMON), bart_like()),
    text("m2m100", M2M100Config(**COMMON), bart_like()),
]
