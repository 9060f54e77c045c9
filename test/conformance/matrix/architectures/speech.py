"""Speech models."""

from torch.nn.utils import parametrize
from transformers import (
    AutoModelForAudioClassification,
    AutoModelForSpeechSeq2Seq,
    HubertConfig,
    Wav2Vec2Config,
    WhisperConfig,
)

from architecture import (
    BOTH,
    CLASSES,
    FRAMES,
    HEADS,
    HIDDEN,
    INNER,
    LAYERS,
    MELS,
    POSITIONS,
    UNFOLDED,
    VOCAB,
    Architecture,
    Cell,
    branch,
    stack,
)
from architectures.seq2seq import bart_like

WHISPER = WhisperConfig(
    vocab_size=VOCAB,
    num_mel_bins=MELS,
    d_model=HIDDEN,
    encoder_layers=LAYERS,
    decoder_layers=LAYERS,
    encoder_attention_heads=HEADS,
    decoder_attention_heads=HEADS,
    encoder_ffn_dim=INNER,
    decoder_ffn_dim=INNER,
    max_source_positions=FRAMES // 2,
    max_target_positions=POSITIONS,
    pad_token_id=0,
    bos_token_id=1,
    eos_token_id=1,
    decoder_start_token_id=2,
)
WAVES = dict(
    hidden_size=HIDDEN,
    num_hidden_layers=LAYERS,
    num_attention_heads=HEADS,
    intermediate_size=INNER,
    conv_dim=(16, 16),
    conv_stride=(5, 4),
    conv_kernel=(10, 8),
    num_feat_extract_layers=2,
    num_conv_pos_embeddings=8,
    num_conv_pos_embedding_groups=2,
    classifier_proj_size=16,
    num_labels=CLASSES,
)


def waves(config, fold: bool = True):
    """`fold`: without weight normalisation, which exporters fold into the weight that it computes."""

    def build():
        model = AutoModelForAudioClassification.from_config(config)
        if fold:
            convolution = model.base_model.encoder.pos_conv_embed.conv
            parametrize.remove_parametrizations(convolution, "weight")
        return model

    return build


def waves_branches(root: str):
    """Positions come from a convolution of what they are added to."""
    return (branch("other", f"{root}.encoder.pos_conv_embed"),) + stack(
        branch("attention", f"{root}.encoder.layers.{{}}.attention"),
        branch("mlp", f"{root}.encoder.layers.{{}}.feed_forward"),
    )


def audio(name: str, model, root: str, cells: tuple[Cell, ...] = BOTH) -> Architecture:
    return Architecture(name, "waves", model, waves_branches(root), cells)


STABLE = dict(do_stable_layer_norm=True, feat_extract_norm="layer")
ARCHITECTURES = [
    Architecture("whisper", "speech", lambda: AutoModelForSpeechSeq2Seq.from_config(WHISPER), bart_like(), BOTH),
    audio("wav2vec2", waves(Wav2Vec2Config(**WAVES)), "wav2vec2"),
    audio("wav2vec2-large", waves(Wav2Vec2Config(**WAVES, **STABLE)), "wav2vec2"),
    audio("wav2vec2-weight-norm", waves(Wav2Vec2Config(**WAVES), fold=False), "wav2vec2", (UNFOLDED,)),
    audio("hubert", waves(HubertConfig(**WAVES)), "hubert"),
]
