"""Encoders: BERT and its family."""

from transformers import AutoModelForMaskedLM, BertConfig

from architecture import (
    BOTH,
    HEADS,
    HIDDEN,
    INNER,
    LAYERS,
    OPSETS,
    POSITIONS,
    VOCAB,
    Architecture,
    branch,
    stack,
    variants,
)

COMMON = dict(
    vocab_size=VOCAB,
    hidden_size=HIDDEN,
    num_hidden_layers=LAYERS,
    num_attention_heads=HEADS,
    intermediate_size=INNER,
    max_position_embeddings=POSITIONS,
)


def masked_lm(config):
    return AutoModelForMaskedLM.from_config(config, attn_implementation="sdpa")


def bert_like(root: str):
    """Post-norm blocks: `attention.output` and `output` add, each after its `dense`."""
    layer = f"{root}.encoder.layer.{{}}"
    return stack(branch("attention", f"{layer}.attention.output.dense"), branch("mlp", f"{layer}.output.dense"))


ARCHITECTURES = [
    Architecture(
        "bert",
        "token",
        lambda: masked_lm(BertConfig(**COMMON)),
        bert_like("bert"),
        BOTH + OPSETS + variants("eager", "static", "left", "positions", "hidden", "simplified", "fused"),
        optimizer="bert",
    ),
]
