"""Audio models of transformers as encoders give the hidden states that transformers gives itself."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from support import Sentio

from sentio_mobile.errors import InputError, MissingExtraError
from sentio_mobile.models.encoders.base import load_encoder
from sentio_mobile.models.encoders.embeddings import read_embeddings
from sentio_mobile.models.encoders.transformers_model import TransformersEncoder

RATE = 16_000
SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
WAVE = {**SIZES, "conv_dim": [8] * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4}
NAMES = ("ast", "clap", "wav2vec2", "hubert", "wavlm", "data2vec", "whisper")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of models with random weights, as `save_pretrained` writes them."""
    import transformers as t

    torch.manual_seed(0)
    wave = t.Wav2Vec2FeatureExtractor(do_normalize=True)
    local = t.Wav2Vec2FeatureExtractor(do_normalize=False)
    clap = {"window_size": 4, "num_mel_bins": 16, "spec_size": 64, "hidden_size": 32, "depths": [1, 1]}
    clap |= {"num_attention_heads": [2, 2], "patch_embeds_hidden_size": 16}
    whisper = {"num_mel_bins": 16, "encoder_layers": 2, "encoder_attention_heads": 2, "encoder_ffn_dim": 32}
    whisper |= {"decoder_layers": 1, "decoder_attention_heads": 2, "decoder_ffn_dim": 32, "d_model": 16}
    whisper |= {"max_source_positions": 150, "max_target_positions": 8, "vocab_size": 10}
    whisper |= dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"), 0)
    text = {**SIZES, "num_hidden_layers": 1, "vocab_size": 10}
    ast = {**SIZES, "max_length": 356, "num_mel_bins": 32}
    made: dict[str, tuple[Any, Any]] = {
        # As people publish them: with the head that they were trained with.
        "ast": (
            t.ASTForAudioClassification(t.ASTConfig(**ast)),
            t.ASTFeatureExtractor(max_length=356, num_mel_bins=32),
        ),
        "clap": (
            t.ClapModel(t.ClapConfig(text_config=text, audio_config=clap, projection_dim=12)),
            t.ClapFeatureExtractor(
                **{"feature_size": 16, "sampling_rate": RATE, "hop_length": 160, "max_length_s": 1},
                **{"fft_window_size": 1024, "frequency_max": 8000, "truncation": "rand_trunc"},
            ),
        ),
        "wav2vec2": (t.Wav2Vec2ForCTC(t.Wav2Vec2Config(**WAVE, vocab_size=10)), wave),
        # Without what mixes all times: a norm over time in its first layer, and the window's mean and deviation.
        "hubert": (t.HubertModel(t.HubertConfig(**WAVE, feat_extract_norm="layer")), local),
        "wavlm": (t.WavLMModel(t.WavLMConfig(**WAVE)), wave),
        "data2vec": (t.Data2VecAudioModel(t.Data2VecAudioConfig(**WAVE)), wave),
        "whisper": (
            t.WhisperForConditionalGeneration(t.WhisperConfig(**whisper)),
            t.WhisperFeatureExtractor(feature_size=16, chunk_length=3),
        ),
    }
    folder = tmp_path_factory.mktemp("models")
    for name, (network, extractor) in made.items():
        network.save_pretrained(folder / name)
        extractor.save_pretrained(folder / name)
    return folder


@pytest.fixture
def ast(models: Path, tmp_path: Path) -> Path:
    """A folder of an AST, to be damaged."""
    return Path(shutil.copytree(models / "ast", tmp_path / "ast"))


def load(place: Path | str) -> TransformersEncoder:
    encoder = load_encoder(f"hf:{place}")
    assert isinstance(encoder, TransformersEncoder)
    return encoder


def variant(models: Path, name: str, place: Path) -> Path:
    """The same weights in another form that people publish."""
    import transformers as t

    source = models / name.split("-")[0]
    shutil.copytree(source, place)
    weights = load_file(source / "model.safetensors")
    if name == "whisper-classifier":
        config = t.WhisperConfig.from_pretrained(source)
        network = t.WhisperForAudioClassification(config)
        network.encoder.load_state_dict(t.WhisperModel.from_pretrained(source).encoder.state_dict())
        network.save_pretrained(place)
    elif name == "clap-tower":
        t.ClapAudioModelWithProjection.from_pretrained(source).save_pretrained(place)
    elif name == "wav2vec2-shards":
        names = sorted(weights)
        for number, part in enumerate((names[:9], names[9:]), 1):
            save_file({key: weights[key] for key in part}, place / f"model-0000{number}-of-00002.safetensors")
        (place / "model.safetensors").unlink()
    elif name == "hubert-old":
        old = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
        for ours, theirs in old.items():
            weights = {key.replace(ours, theirs): value for key, value in weights.items()}
        assert any(key.endswith("weight_g") for key in weights)
        save_file(weights, place / "model.safetensors")
    return place


def noise(seconds: float, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * RATE)).astype(np.float32)


def run_directly(folder: Path, pcm: NDArray[np.float32], layer: int | None) -> torch.Tensor:
    """What transformers gives: hidden states [frames, size], or of AST [rows, columns, size]."""
    import transformers as t

    inputs = t.AutoFeatureExtractor.from_pretrained(folder)(pcm, sampling_rate=RATE, return_tensors="pt")
    with torch.no_grad():
        if folder.name == "clap":
            clap = t.ClapModel.from_pretrained(folder).eval()
            outputs = clap.audio_model(**inputs, output_hidden_states=True)
            if layer is None:
                return clap.audio_projection(outputs.pooler_output)
            return outputs.hidden_states[layer].flatten(2).mean(dim=2)
        model = t.AutoModel.from_pretrained(folder).eval()
        network = model.encoder if folder.name == "whisper" else model
        outputs = network(**inputs, output_hidden_states=True)
    states = outputs.last_hidden_state if layer is None else outputs.hidden_states[layer]
    if folder.name == "ast":
        # Patches of 16 bands by 16 frames, each 10 from the next, in rows of equal frequency, after two tokens.
        return torch.stack([states[0, 2 + row * 35 : 2 + (row + 1) * 35] for row in range(2)]).mean(dim=0)
    return states[0]


@pytest.mark.parametrize("layer", [None, 1])
@pytest.mark.parametrize("name", NAMES)
def test_frames_equal_those_of_transformers(name: str, layer: int | None, models: Path) -> None:
    encoder = load(f"{models / name}" + ("" if layer is None else f"#layer={layer}"))
    pcm = noise(encoder.geometry.window / RATE)
    expected = run_directly(models / name, pcm, layer)
    assert encoder.info.size == expected.shape[-1]
    assert len(expected) == 1 or expected.std(dim=0).min() > 1e-3
    np.testing.assert_allclose(encoder.frames(pcm), expected.numpy(), atol=1e-5)


@pytest.mark.parametrize("name", ["whisper-classifier", "clap-tower", "wav2vec2-shards", "hubert-old"])
def test_the_same_weights_in_another_form_give_the_same(name: str, models: Path, tmp_path: Path) -> None:
    first, second = load(models / name.split("-")[0]), load(variant(models, name, tmp_path / "other"))
    pcm = noise(1.5)
    np.testing.assert_allclose(second.embed(pcm), first.embed(pcm), atol=1e-6)


def test_half_precision_is_computed_in_single(ast: Path, models: Path) -> None:
    change_weights(lambda weights: weights.update({name: w.half() for name, w in weights.items()}))(ast)
    np.testing.assert_allclose(load(ast).embed(noise(1)), load(models / "ast").embed(noise(1)), atol=1e-2)
    assert next(load(ast).network.parameters()).dtype == torch.float32


def test_fused_clap_gives_what_transformers_gives_and_the_same_each_time(models: Path, tmp_path: Path) -> None:
    import transformers as t

    folder = Path(shutil.copytree(models / "clap", tmp_path / "clap"))
    config = t.ClapConfig.from_pretrained(folder)
    config.audio_config.enable_fusion = True
    torch.manual_seed(0)
    network = t.ClapModel(config).eval()
    network.save_pretrained(folder)
    with pytest.raises(InputError, match=r"fusion is True in config\.json and False in the feature"):
        load(folder)
    features = t.ClapFeatureExtractor.from_pretrained(folder)
    features.truncation = "fusion"
    features.save_pretrained(folder)
    encoder, pcm = load(folder), noise(2)
    found = encoder.embed(pcm)
    np.testing.assert_allclose(encoder.frames(pcm[:RATE]), run_directly(folder, pcm[:RATE], None), atol=1e-5)
    np.testing.assert_array_equal(encoder.embed(pcm), found)


@pytest.mark.parametrize("place", ["ast#layer=0", "hubert#layer=0", "whisper#layer=0", "clap"])
def test_a_step_is_of_its_second(place: str, models: Path) -> None:
    encoder = load(models / place)
    first = noise(3)
    second = first.copy()
    second[int(1.3 * RATE) : int(1.7 * RATE)] = noise(0.4, seed=1)
    changed = np.abs(encoder.embed(first) - encoder.embed(second)).max(axis=1)
    assert changed.shape == (3,)
    assert changed[1] > 100 * max(changed[0], changed[2], 1e-7)


def test_embed_gives_the_mean_of_a_seconds_frames(models: Path) -> None:
    encoder, pcm = load(models / "whisper"), noise(3)
    frames = encoder.frames(pcm)
    assert frames.shape == (150, 16)
    expected = [frames[50 * second : 50 * (second + 1)].mean(axis=0) for second in range(3)]
    np.testing.assert_allclose(encoder.embed(pcm), expected, atol=1e-6)
    assert (encoder.info.hop_s, encoder.info.window_s) == (1.0, 1.0)


def test_a_long_sound_is_embedded_window_by_window(models: Path) -> None:
    encoder, pcm = load(models / "ast"), noise(7.5)
    found = encoder.embed(pcm)
    windows = [encoder.embed(pcm[at * RATE : (at + 3) * RATE]) for at in (0, 3, 4)]
    np.testing.assert_allclose(found, np.concatenate([*windows[:2], windows[2][2:]]), atol=1e-6)


def test_a_short_sound_is_repeated_or_followed_by_silence(models: Path) -> None:
    pcm = noise(1.2)
    ast, whisper = load(models / "ast"), load(models / "whisper")
    np.testing.assert_allclose(ast.embed(pcm), ast.embed(np.tile(pcm, 3)[: 3 * RATE])[:1], atol=1e-6)
    silent = np.pad(pcm, (0, 3 * RATE - len(pcm)))
    np.testing.assert_allclose(whisper.embed(pcm), whisper.embed(silent)[:1], atol=1e-6)
    assert len(whisper.embed(noise(0.3))) == 1


def test_info_states_the_facts_and_a_digest_of_the_layer(models: Path) -> None:
    info, layered = load(models / "wav2vec2").info, load(f"{models / 'wav2vec2'}#layer=2").info
    assert (info.name, info.sample_rate, info.size) == (f"hf:{models / 'wav2vec2'}", RATE, 16)
    assert info.parameters == sum(
        tensor.numel()
        for name, tensor in load_file(models / "wav2vec2" / "model.safetensors").items()
        if not name.startswith("lm_head")
    )
    assert len({info.digest, layered.digest}) == 2
    assert load(models / "wav2vec2").info == info


def test_encoder_embeds_songs_from_the_command_line(models: Path, tmp_path: Path, sentio: Sentio) -> None:
    song, out = tmp_path / "song.wav", tmp_path / "out.safetensors"
    soundfile.write(song, noise(2.1), RATE)
    name = f"hf:{models / 'ast'}"
    result = sentio("encoder", "embed", song, "--encoder", name, "--out", out)
    assert result.exit_code == 0, result.output
    info, embeddings = read_embeddings(out)
    assert (info.name, embeddings[str(song)].shape) == (name, (2, 16))
    listed = sentio("encoder", "list").output
    assert "hf:FOLDER" in listed
    assert "ckpt:FOLDER" in listed


def change_config(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return change


def change_weights(change: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        weights = load_file(folder / "model.safetensors")
        change(weights)
        save_file(weights, folder / "model.safetensors")

    return apply


NORM = "audio_spectrogram_transformer.layernorm.weight"


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (change_config(hidden_size=1_000_000), "describes a network of "),
        (change_config(hidden_size=10**9), "hidden_size must be at most 1,000,000"),
        (change_config(hidden_size=20), "config.json and the weights do not fit: "),
        (change_config(intermediate_size=48), "fc1.bias is (32,) in the file and (48,) in the network"),
        (change_config(hidden_size="wide"), "is no AST network"),
        (change_config(num_attention_heads=0), "config.json"),
        (change_config(hidden_act="no such function"), "is no AST network"),
        (change_config(patch_size=0), "config.json"),
        (change_config(time_stride=0), "is no AST network"),
        (change_config(time_stride=200), "too few for its steps"),
        (change_config(max_length=1024), "max_length is 1024 in config.json and 356 in the feature extractor's"),
        (change_weights(lambda weights: weights.pop(NORM)), "lacks weights of its AST network: layernorm.weight"),
        (change_weights(lambda weights: weights.update({NORM: torch.full((16,), torch.nan)})), "gives NaN or infinity"),
    ],
)
def test_model_that_cannot_be_right_is_refused(damage: Callable[[Path], None], fault: str, ast: Path) -> None:
    damage(ast)
    with pytest.raises(InputError) as caught:
        load(ast).embed(noise(1))
    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)


def test_settings_that_name_code_are_not_followed(ast: Path) -> None:
    change_config(
        auto_map={"AutoModel": "evil.Model"},
        attn_implementation="somebody/kernel",
        quantization_config={"quant_method": "no such method"},
        dtype="no such type",
    )(ast)
    (ast / "evil.py").write_text("raise SystemExit(3)")
    (ast / "adapter_config.json").write_text('{"base_model_name_or_path": "somebody/model"}')
    assert load(ast).embed(noise(1)).shape == (1, 16)


@pytest.mark.parametrize("layer", [3, 100])
def test_layer_out_of_range_is_refused(layer: int, models: Path) -> None:
    with pytest.raises(InputError, match=rf"ast has no layer {layer}; choose one from 0 to 2"):
        load(f"{models / 'ast'}#layer={layer}")


def test_missing_package_names_the_command(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'sentio-mobile\[transformers\]'"):
        load(models / "ast")
