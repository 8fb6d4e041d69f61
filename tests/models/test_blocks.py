"""Folding batch normalization, and dropping patches in training."""

import copy

import torch

from sentio_mobile.models.blocks import PatchDropout, fold_norms
from sentio_mobile.models.config import MobileViTSettings
from sentio_mobile.models.mobilevit import MobileViT


def test_fold_norms_keeps_outputs() -> None:
    torch.manual_seed(0)
    model = MobileViT(MobileViTSettings(layers=2, heads=2, head_width=16, width=64, mlp_width=128))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias)
    with torch.no_grad():
        for _ in range(3):
            model(torch.rand(8, 3, 224, 224))
    model.eval()
    folded = copy.deepcopy(model)
    fold_norms(folded)
    assert not any("BatchNorm" in type(module).__name__ for module in folded.modules())
    image = torch.rand(4, 3, 224, 224)
    with torch.no_grad():
        assert model(image).std() > 1e-3
        torch.testing.assert_close(folded(image), model(image), atol=1e-5, rtol=0)


def test_patch_dropout_keeps_class_token_and_only_in_training() -> None:
    dropout = PatchDropout(keep=5)
    tokens = torch.arange(20.0).reshape(1, 20, 1).expand(3, -1, 4)
    kept = dropout(tokens)
    assert kept.shape == (3, 6, 4)
    assert (kept[:, 0] == 0).all()
    assert all(len(set(row.tolist())) == 6 for row in kept[:, :, 0])
    assert dropout.eval()(tokens) is tokens


def test_patch_dropout_indices_of_kept_tokens() -> None:
    dropout = PatchDropout(5).train()
    tokens = torch.randn(3, 17, 4)
    kept, indices = dropout.sample(tokens)
    assert indices is not None
    assert torch.equal(kept, torch.stack([tokens[i, indices[i]] for i in range(3)]))
