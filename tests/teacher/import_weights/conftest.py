"""Small vision transformers of other libraries, with weights that make every part count, and checks of refusals."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from torch import nn
from torchvision.models import VisionTransformer
from transformers import (
    ASTConfig,
    ASTForAudioClassification,
    DeiTConfig,
    DeiTModel,
    ViTConfig,
    ViTForImageClassification,
    ViTModel,
)

from sentio_mobile.cli import main
from sentio_mobile.errors import CheckpointError
from sentio_mobile.teacher.import_weights import import_teacher

WIDTH, LAYERS, HEADS, MLP = 128, 3, 2, 192


def with_noise(model: nn.Module) -> nn.Module:
    """Add noise to every weight: freshly made biases are 0 and norms 1, so that a swap would go unnoticed."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def config(heads: int = HEADS, image_size: int = 64) -> ViTConfig:
    return ViTConfig(
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=heads,
        intermediate_size=MLP,
        image_size=image_size,
    )


class Notebook(nn.Module):
    """The network that the original notebook trained."""

    def __init__(self) -> None:
        super().__init__()
        self.vit = ViTModel(config())
        self.head = nn.Sequential(
            nn.LayerNorm(WIDTH),
            nn.Dropout(0.2),
            nn.Linear(WIDTH, 32),
            nn.GELU(),
            nn.Dropout(0.2),
            nn.Linear(32, 16),
            nn.GELU(),
            nn.Dropout(0.1),
            nn.Linear(16, 2),
            nn.Tanh(),
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.head(self.vit(image).last_hidden_state[:, 0])


@pytest.fixture(scope="session")
def make_hugging_face() -> Callable[[int], ViTModel]:
    """Build Hugging Face's encoder with a number of attention heads."""
    return lambda heads: with_noise(ViTModel(config(heads)))


@pytest.fixture(scope="session")
def hugging_face() -> ViTModel:
    return with_noise(ViTModel(config()))


@pytest.fixture(scope="session")
def classifier() -> ViTForImageClassification:
    return with_noise(ViTForImageClassification(config()))


@pytest.fixture(scope="session")
def notebook() -> Notebook:
    return with_noise(Notebook())


@pytest.fixture(scope="session")
def torchvision_vit() -> VisionTransformer:
    return with_noise(VisionTransformer(64, 16, LAYERS, HEADS, WIDTH, MLP))


@pytest.fixture(scope="session")
def timm_vit() -> nn.Module:
    from timm.models import VisionTransformer as TimmViT

    return with_noise(TimmViT(64, 16, embed_dim=WIDTH, depth=LAYERS, num_heads=HEADS, mlp_ratio=MLP / WIDTH))


@pytest.fixture(scope="session")
def audio_transformer() -> ASTForAudioClassification:
    """An AST for spectrograms of 40 bands and 96 frames: 3 x 9 patches of 16 that overlap."""
    sizes = ASTConfig(
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=MLP,
        num_mel_bins=40,
        max_length=96,
    )
    return with_noise(ASTForAudioClassification(sizes))


@pytest.fixture(scope="session")
def deit() -> DeiTModel:
    """A DeiT with its distillation token."""
    sizes = DeiTConfig(
        hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=HEADS, intermediate_size=MLP, image_size=64
    )
    return with_noise(DeiTModel(sizes))


@pytest.fixture(scope="session")
def image() -> torch.Tensor:
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def state(torchvision_vit: VisionTransformer) -> dict[str, torch.Tensor]:
    return dict(torchvision_vit.state_dict())


def _assert_refused(path: Path, *words: str) -> None:
    """The import fails with one line that names the file and contains the words."""
    with pytest.raises(CheckpointError) as caught:
        import_teacher(path)
    assert "\n" not in str(caught.value)
    for word in (str(path), *words):
        assert word in str(caught.value)


@pytest.fixture(scope="session")
def assert_refused() -> Callable[..., None]:
    return _assert_refused


def _assert_command_refuses(path: Path) -> None:
    """The command prints one line, exits with status 2, and writes nothing."""
    before = sorted(path.parent.iterdir())
    result = CliRunner().invoke(main, ["teacher", "import", str(path), "--out", str(path.parent / "ckpt")])
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("Error: ")
    assert str(path) in result.stderr
    assert sorted(path.parent.iterdir()) == before


@pytest.fixture(scope="session")
def assert_command_refuses() -> Callable[[Path], None]:
    return _assert_command_refuses
