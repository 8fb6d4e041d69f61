"""Compare imported teachers with the libraries that saved them.

    python benchmarks/research/import_parity.py OUT.json [--images N]

Each layout that `teacher import` reads is made at the size of ViT-B/16 by the library that it is from, with random
weights, saved, imported, and compared on random images: the hidden states behind the last norm, and the predictions
where the file has the head. Every weight is shaken, so that no bias is 0 and no norm 1.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torchvision.models import vit_b_16
from transformers import ASTConfig, ASTModel, DeiTConfig, DeiTModel, ViTConfig, ViTModel
from transformers.utils.logging import disable_progress_bar

from sentio_mobile._internal.records import replace, to_plain
from sentio_mobile.benchmarks.machine import describe_machine
from sentio_mobile.models.registry import build
from sentio_mobile.models.transformer import EncoderNetwork
from sentio_mobile.spec import IMAGE_MEAN, IMAGE_SD
from sentio_mobile.teacher.import_weights import import_teacher

NOISE, HEAD_NOISE = 0.02, 0.05
Forward = Callable[[torch.Tensor], torch.Tensor]


@dataclasses.dataclass(frozen=True)
class Case:
    """A file in one layout, and its library's outputs for images: hidden states, and predictions if it has a head.

    Images are those that all cases share, unless a case has its own.
    """

    file: Path
    library: str
    hidden: Forward
    predict: Forward | None = None
    images: torch.Tensor | None = None


def shake(model: nn.Module, noise: float = NOISE) -> None:
    """Put noise on every weight, and the model in evaluation mode."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(noise * torch.randn(parameter.shape, generator=generator))
    model.eval()


def hugging_face(folder: Path) -> Iterator[Case]:
    """A folder as on the hub, a state dictionary from memory, and the notebook's: the same encoder with a head."""
    vit = ViTModel(ViTConfig())
    shake(vit)
    vit.save_pretrained(folder / "hub")

    def hidden(images: torch.Tensor) -> torch.Tensor:
        return vit(images).last_hidden_state

    yield Case(folder / "hub" / "model.safetensors", "transformers", hidden)
    torch.save(vit.state_dict(), folder / "memory.bin")
    yield Case(folder / "memory.bin", "transformers", hidden)
    (folder / "memory.bin").unlink()
    head = nn.Sequential(
        nn.LayerNorm(768),
        *(nn.Dropout(0.2), nn.Linear(768, 512), nn.GELU()),
        *(nn.Dropout(0.2), nn.Linear(512, 128), nn.GELU()),
        *(nn.Dropout(0.1), nn.Linear(128, 2), nn.Tanh()),
    )
    shake(head, HEAD_NOISE)
    weights = {f"vit.{name}": tensor for name, tensor in load_file(folder / "hub" / "model.safetensors").items()}
    torch.save({**weights, **head.state_dict(prefix="head.")}, folder / "notebook.pth")
    yield Case(folder / "notebook.pth", "transformers", hidden, lambda images: head(hidden(images)[:, 0]))


def torchvision_vit(folder: Path) -> Iterator[Case]:
    """Today's names, and those of older files."""
    vit = vit_b_16()
    shake(vit)

    def hidden(images: torch.Tensor) -> torch.Tensor:
        patches = vit._process_input(images)
        return vit.encoder(torch.cat([vit.class_token.expand(len(images), -1, -1), patches], dim=1))

    state = vit.state_dict()
    torch.save(state, folder / "torchvision.pth")
    yield Case(folder / "torchvision.pth", "torchvision", hidden)
    older = {name.replace("mlp.0.", "mlp.linear_1.").replace("mlp.3.", "mlp.linear_2."): state[name] for name in state}
    torch.save(older, folder / "torchvision.pth")
    yield Case(folder / "torchvision.pth", "torchvision", hidden)


def timm_vit(folder: Path) -> Iterator[Case]:
    """`vit_base_patch16_224`."""
    vit: Any = timm.create_model("vit_base_patch16_224", pretrained=False)
    shake(vit)
    save_file(vit.state_dict(), folder / "timm.safetensors")
    yield Case(folder / "timm.safetensors", "timm", vit.forward_features)


def audio_spectrogram_transformer(folder: Path) -> Iterator[Case]:
    """AudioSet's AST. It hears the spectrogram, of mean 0 and deviation 0.5, that is behind our image of it."""
    network = ASTModel(ASTConfig())
    shake(network)
    network.save_pretrained(folder / "hub")

    def hidden(images: torch.Tensor) -> torch.Tensor:
        mean, sd = (torch.tensor(values)[0] for values in (IMAGE_MEAN, IMAGE_SD))
        spectrogram = (images[:, 0] * sd + mean) / 2
        return network(spectrogram.transpose(1, 2)).last_hidden_state

    mels = torch.randn(2, 1, 128, 1024, generator=torch.Generator().manual_seed(2))
    mean, sd = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGE_MEAN, IMAGE_SD))
    yield Case(folder / "hub", "transformers", hidden, images=(mels - mean) / sd)


def deit(folder: Path) -> Iterator[Case]:
    """DeiT-B with its distillation token, as Hugging Face and as timm save it."""
    network = DeiTModel(DeiTConfig())
    shake(network)
    network.save_pretrained(folder / "hub")
    yield Case(folder / "hub", "transformers", lambda images: network(images).last_hidden_state)
    distilled: Any = timm.create_model("deit_base_distilled_patch16_224", pretrained=False)
    shake(distilled)
    save_file(distilled.state_dict(), folder / "timm.safetensors")
    yield Case(folder / "timm.safetensors", "timm", distilled.forward_features)


def measure(case: Case, images: torch.Tensor) -> dict[str, Any]:
    """Import the file and compare."""
    images = images if case.images is None else case.images
    imported = import_teacher(case.file)
    model = imported.checkpoint.model
    expected = case.hidden(images)
    row = {
        "layout": imported.source.layout,
        "architecture": imported.checkpoint.spec.architecture,
        "library": f"{case.library} {version(case.library)}",
        "tensors": imported.taken,
        "left_out": list(imported.source.left_out),
        "drawn_anew": len(imported.source.untrained),
        "norm_eps": imported.checkpoint.spec.settings["norm_eps"],
        "hidden_states": difference(hidden_states(model, images), expected),
    }
    if case.predict:
        row["predictions"] = difference(model(images), case.predict(images))
    if imported.checkpoint.spec.settings["norm_eps"] != 1e-6:
        settings = {**imported.checkpoint.spec.settings, "norm_eps": 1e-6}
        other = build(replace(imported.checkpoint.spec, settings=settings)).eval()
        other.load_state_dict(model.state_dict())
        row["hidden_states_with_norm_eps_1e-6"] = difference(hidden_states(other, images), expected)
    return row


def hidden_states(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """What a transformer makes of images, behind its last norm: [batch, tokens, width]."""
    if not isinstance(model, EncoderNetwork):
        raise TypeError(f"a {type(model).__name__} was imported")
    return model.encoder.ln(model.encoder.layers(model.tokens(images)))


def difference(imported: torch.Tensor, original: torch.Tensor) -> dict[str, float]:
    """The largest difference, and how spread out the values are that it is a difference of."""
    return {
        "largest_difference": float(f"{float((imported - original).abs().max()):.3g}"),
        "standard_deviation": float(f"{float(original.std()):.3g}"),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, write, and say it in a line for each layout."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT.json")
    parser.add_argument("--images", type=int, default=4, help="Number of random images (default: 4).")
    options = parser.parse_args(arguments)
    torch.manual_seed(0)
    # Images of different colours: predictions for noise alone would all be the same.
    images = 2 * torch.randn(options.images, 3, 1, 1) + torch.randn(options.images, 3, 224, 224)
    disable_progress_bar()
    rows = []
    for make in (hugging_face, torchvision_vit, timm_vit, audio_spectrogram_transformer, deit):
        with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
            for case in make(Path(folder)):
                rows.append(measure(case, images))
                imported = rows[-1]
                print(f"{imported['layout']}: {imported['hidden_states']}", imported.get("predictions", ""))
    record = {"machine": to_plain(describe_machine()), "images": options.images, "layouts": rows}
    options.out.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
