"""Vision transformers, and models of pictures and text."""

from transformers import (
    AutoModelForImageClassification,
    BeitConfig,
    CLIPConfig,
    CLIPModel,
    DeiTConfig,
    DeiTForImageClassification,
    Dinov2Config,
    SegformerConfig,
    SiglipConfig,
    SiglipModel,
    SwinConfig,
    ViTConfig,
)

from architecture import (
    BOTH,
    CLASSES,
    HEADS,
    HIDDEN,
    IMAGE,
    INNER,
    LAYERS,
    OPSETS,
    PATCH,
    POSITIONS,
    UNFOLDED,
    VOCAB,
    Architecture,
    Cell,
    branch,
    stack,
    variants,
)

SIZES = dict(hidden_size=HIDDEN, num_hidden_layers=LAYERS, num_attention_heads=HEADS, image_size=IMAGE, patch_size=PATCH)
COMMON = SIZES | dict(intermediate_size=INNER, num_labels=CLASSES)
TEXT = dict(
    vocab_size=VOCAB,
    hidden_size=HIDDEN,
    num_hidden_layers=LAYERS,
    num_attention_heads=HEADS,
    intermediate_size=INNER,
    max_position_embeddings=POSITIONS,
)
PICTURE = SIZES | dict(intermediate_size=INNER)
SWIN = SwinConfig(
    image_size=IMAGE,
    patch_size=4,
    embed_dim=16,
    depths=[2, 2],
    num_heads=[2, 4],
    window_size=4,
    mlp_ratio=2.0,
    num_labels=CLASSES,
)
"""Windows and shifted windows in the first stage, one window in the second."""
SEGFORMER = SegformerConfig(
    num_encoder_blocks=2,
    depths=[1, 1],
    sr_ratios=[2, 1],
    hidden_sizes=[16, 32],
    patch_sizes=[7, 3],
    strides=[4, 2],
    num_attention_heads=[2, 4],
    mlp_ratios=[2, 2],
    num_labels=CLASSES,
)


def pictures(config):
    return lambda: AutoModelForImageClassification.from_config(config)


def vit_like(root: str):
    return stack(branch("attention", f"{root}.layers.{{}}.attention"), branch("mlp", f"{root}.layers.{{}}.mlp"))


def tower(root: str):
    return stack(
        branch("attention", f"{root}.encoder.layers.{{}}.self_attn"), branch("mlp", f"{root}.encoder.layers.{{}}.mlp")
    )


DINOV2 = stack(
    branch("attention", "dinov2.encoder.layer.{}.attention", "dinov2.encoder.layer.{}.layer_scale1"),
    branch("mlp", "dinov2.encoder.layer.{}.mlp", "dinov2.encoder.layer.{}.layer_scale2"),
)
SWIN_BRANCHES = tuple(
    b
    for stage in range(2)
    for b in stack(
        branch("attention", f"swin.encoder.layers.{stage}.blocks.{{}}.attention"),
        branch("mlp", f"swin.encoder.layers.{stage}.blocks.{{}}.mlp"),
    )
)
SEGFORMER_BRANCHES = stack(
    branch("attention", "segformer.stages.{}.blocks.0.attention"), branch("mlp", "segformer.stages.{}.blocks.0.mlp")
)
BEIT = COMMON | dict(use_relative_position_bias=True, layer_scale_init_value=0.1)
BEIT_BRANCHES = stack(
    branch("attention", "beit.layers.{}.attention", "beit.layers.{}.drop_path"),
    branch("mlp", "beit.layers.{}.mlp", "beit.layers.{}.drop_path"),
)
"""Both scale what their module gives before it joins the residual stream."""


def image(name: str, model, branches, *more: Cell) -> Architecture:
    return Architecture(name, "image", model, branches, BOTH + more)


TOWERS = tower("vision_model") + tower("text_model")
SIGLIP = tower("vision_model") + (branch("mlp", "vision_model.head.mlp"),) + tower("text_model")


FOLDED = ("logit_scale", "vision_model.embeddings.position_embedding.weight")


def pairs(name: str, task: str, model, branches, *more: Cell, **settings) -> Architecture:
    """Scores of every picture with every text."""
    return Architecture(name, task, model, branches, BOTH + more, **settings)


ARCHITECTURES = [
    image(
        "vit",
        pictures(ViTConfig(**COMMON)),
        vit_like("vit"),
        *OPSETS,
        *variants("static", "eager", "simplified", "hidden"),
    ),
    image("deit", lambda: DeiTForImageClassification(DeiTConfig(**COMMON)), vit_like("deit")),
    image("beit", pictures(BeitConfig(**BEIT)), BEIT_BRANCHES, *variants("eager"), UNFOLDED),
    image("swin", pictures(SWIN), SWIN_BRANCHES, *variants("eager", "static"), UNFOLDED),
    image("dinov2", pictures(Dinov2Config(**SIZES, mlp_ratio=2, num_labels=CLASSES)), DINOV2, UNFOLDED),
    image("dinov2-giant", pictures(Dinov2Config(**SIZES, use_swiglu_ffn=True, num_labels=CLASSES)), DINOV2, UNFOLDED),
    image("segformer", pictures(SEGFORMER), SEGFORMER_BRANCHES, *variants("eager")),
    pairs(
        "clip",
        "pairs",
        lambda: CLIPModel(CLIPConfig(text_config=TEXT, vision_config=PICTURE, projection_dim=16)),
        TOWERS,
        folded=FOLDED,
    ),
    pairs(
        "siglip",
        "pairs-apart",
        lambda: SiglipModel(SiglipConfig(text_config=TEXT, vision_config=PICTURE)),
        SIGLIP,
        UNFOLDED,
        folded=(*FOLDED, "logit_bias", "vision_model.head.probe"),
    ),
]
