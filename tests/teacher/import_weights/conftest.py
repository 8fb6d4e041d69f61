"""Small vision transformers of other libraries, with weights that make every part count."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torchvision.models import VisionTransformer
from transformers import ViTConfig, ViTForImageClassification, ViTModel

WIDTH, LAYERS, HEADS, MLP = 128, 3, 2, 192


def shaken(model: nn.Module) -> nn.Module:
    """Add noise to every weight: as they are made, biases are 0 and norms 1, and could be swapped unseen."""
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
    """What the original notebook trained."""

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
    """Its encoder with so many attention heads."""
    return lambda heads: shaken(ViTModel(config(heads)))


@pytest.fixture(scope="session")
def hugging_face() -> ViTModel:
    return shaken(ViTModel(config()))


@pytest.fixture(scope="session")
def classifier() -> ViTForImageClassification:
    return shaken(ViTForImageClassification(config()))


@pytest.fixture(scope="session")
def notebook() -> Notebook:
    return shaken(Notebook())


@pytest.fixture(scope="session")
def torchvision_vit() -> VisionTransformer:
    return shaken(VisionTransformer(64, 16, LAYERS, HEADS, WIDTH, MLP))


@pytest.fixture(scope="session")
def timm_vit() -> nn.Module:
    from timm.models import VisionTransformer as TimmViT

    return shaken(TimmViT(64, 16, embed_dim=WIDTH, depth=LAYERS, num_heads=HEADS, mlp_ratio=MLP / WIDTH))


@pytest.fixture(scope="session")
def image() -> torch.Tensor:
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
