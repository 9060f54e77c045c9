"""Encoders: BERT and its family, with masked-LM heads and classifiers."""

from transformers import (
    AlbertConfig,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    BertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    MobileBertConfig,
    ModernBertConfig,
    MPNetConfig,
    RobertaConfig,
    XLMRobertaConfig,
)

from architecture import (
    BOTH,
    CLASSES,
    HEADS,
    HIDDEN,
    INNER,
    LAYERS,
    OPSETS,
    POSITIONS,
    UNFOLDED,
    VOCAB,
    Architecture,
    Cell,
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
DISTILBERT = DistilBertConfig(
    vocab_size=VOCAB, dim=HIDDEN, n_layers=LAYERS, n_heads=HEADS, hidden_dim=INNER, max_position_embeddings=POSITIONS
)
DEBERTA = COMMON | dict(relative_attention=True, pos_att_type=["p2c", "c2p"], layer_norm_eps=1e-7)
DEBERTA_FOLDED = ("deberta.encoder.rel_embeddings.weight",)
DEBERTA_V3 = DEBERTA | dict(
    position_buckets=8, norm_rel_ebd="layer_norm", share_att_key=True, position_biased_input=False, type_vocab_size=0
)
MOBILEBERT = MobileBertConfig(**COMMON, embedding_size=16, intra_bottleneck_size=16, num_feedforward_networks=2)
MODERNBERT = ModernBertConfig(
    **COMMON, pad_token_id=0, cls_token_id=1, sep_token_id=2, global_attn_every_n_layers=2, local_attention=4
)
"""One layer with global, one with local attention."""


def masked_lm(config):
    return lambda: AutoModelForMaskedLM.from_config(config, attn_implementation="sdpa")


def eager(config):
    """For models that have one attention implementation."""
    return lambda: AutoModelForMaskedLM.from_config(config)


def sentences(config):
    config.num_labels = CLASSES
    return lambda: AutoModelForSequenceClassification.from_config(config)


def words(config):
    config.num_labels = VOCAB
    return lambda: AutoModelForTokenClassification.from_config(config)


def bert_like(root: str):
    """Post-norm blocks: the residual is added by the caller of each block's last projection."""
    layer = f"{root}.encoder.layer.{{}}"
    return stack(
        branch("attention", f"{layer}.attention.output.dense"),
        branch("mlp", f"{layer}.output.dense"),
    )


ALBERT_LAYER = "albert.encoder.albert_layer_groups.0.albert_layers.0"
ALBERT = stack(branch("attention", f"{ALBERT_LAYER}.attention.dense"), branch("mlp", f"{ALBERT_LAYER}.ffn_output"))
DISTILBERT_BRANCHES = stack(
    branch("attention", "distilbert.transformer.layer.{}.attention"),
    branch("mlp", "distilbert.transformer.layer.{}.ffn"),
)
MODERNBERT_BRANCHES = stack(branch("attention", "model.layers.{}.attn"), branch("mlp", "model.layers.{}.mlp"))
MPNET = stack(
    branch("attention", "mpnet.encoder.layer.{}.attention.attn"), branch("mlp", "mpnet.encoder.layer.{}.output.dense")
)
MOBILEBERT_BRANCHES = stack(
    branch("mlp", "mobilebert.encoder.layer.{}.ffn.0.output.dense"),
    branch("mlp", "mobilebert.encoder.layer.{}.output.dense"),
    branch("attention", "mobilebert.encoder.layer.{}.output.bottleneck.dense"),
)
"""The last holds the others, and attention, which reads another projection of the stream than it is added to."""


def mlm(name: str, model, branches, *more: Cell, **settings) -> Architecture:
    return Architecture(name, "token", model, branches, BOTH + more, **settings)


def classifier(name: str, model, branches, *more: Cell) -> Architecture:
    return Architecture(name, "text-class", model, branches, BOTH + more)


ARCHITECTURES = [
    mlm(
        "bert",
        masked_lm(BertConfig(**COMMON)),
        bert_like("bert"),
        *OPSETS,
        *variants("eager", "static", "left", "positions", "hidden", "simplified", "fused"),
        optimizer="bert",
    ),
    classifier("bert-sentences", sentences(BertConfig(**COMMON)), bert_like("bert"), *variants("hidden")),
    mlm("bert-words", words(BertConfig(**COMMON)), bert_like("bert")),
    mlm(
        "roberta",
        masked_lm(RobertaConfig(**COMMON)),
        bert_like("roberta"),
        *variants("simplified", "fused"),
        optimizer="bert",
    ),
    classifier("roberta-sentences", sentences(RobertaConfig(**COMMON)), bert_like("roberta")),
    mlm("distilbert", masked_lm(DISTILBERT), DISTILBERT_BRANCHES, *variants("simplified", "fused"), optimizer="bert"),
    classifier("distilbert-sentences", sentences(DISTILBERT), DISTILBERT_BRANCHES),
    mlm("distilbert-words", words(DISTILBERT), DISTILBERT_BRANCHES),
    mlm("albert", masked_lm(AlbertConfig(**COMMON, embedding_size=16)), ALBERT, *variants("static")),
    mlm("electra", masked_lm(ElectraConfig(**COMMON, embedding_size=16)), bert_like("electra")),
    classifier("electra-sentences", sentences(ElectraConfig(**COMMON, embedding_size=16)), bert_like("electra")),
    mlm("deberta-v2", eager(DebertaV2Config(**DEBERTA, conv_kernel_size=3)), bert_like("deberta"), UNFOLDED, folded=DEBERTA_FOLDED),
    mlm("deberta-v3", eager(DebertaV2Config(**DEBERTA_V3)), bert_like("deberta"), *variants("static")),
    classifier("deberta-v3-sentences", sentences(DebertaV2Config(**DEBERTA_V3)), bert_like("deberta")),
    mlm("mpnet", eager(MPNetConfig(**COMMON)), MPNET),
    mlm("xlm-roberta", masked_lm(XLMRobertaConfig(**COMMON)), bert_like("roberta"), *variants("left")),
    mlm("modernbert", masked_lm(MODERNBERT), MODERNBERT_BRANCHES, *variants("eager", "static")),
    classifier("modernbert-sentences", sentences(MODERNBERT), MODERNBERT_BRANCHES),
    mlm("mobilebert", eager(MOBILEBERT), MOBILEBERT_BRANCHES, UNFOLDED, folded=("cls.predictions.dense.weight",)),
]
