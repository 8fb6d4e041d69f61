"""The distillation objective: response, features and attention, weighted as the recipe says."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.distill.layer_mapping import PREDICTIONS, LayerMapping, attention_name, features_name
from sentio_mobile.distill.losses import attention_loss, feature_loss, gather_attention, gather_tokens, tempered
from sentio_mobile.distill.teacher_outputs import TeacherOutputs
from sentio_mobile.models.capture import Capturable, Captured, capture
from sentio_mobile.training.clip_features import clip_features, features_of_tokens
from sentio_mobile.training.clips import Batch
from sentio_mobile.training.embedding_loss import EmbeddingLoss
from sentio_mobile.training.objectives import regression_loss, weak_label_loss


class Distillation(nn.Module):
    """Learn from labels and from the teacher's predictions, features and attention for the same clips.

    Teacher and student are given the same augmented clip, which makes the student match the teacher as a function
    (Beyer et al. 2022, "A good teacher is patient and consistent").

    If a training step drops patches, the student learns the teacher's features of the kept patches and its attention
    between them. The teacher itself sees all patches.

    Args:
        mapping: The pairs of blocks.
        student: The network that learns. Its projections to the teacher's width are created here.
        token_width: Width of the teacher's tokens.
        recipe: Weights of the terms.
        outputs: Gives the teacher's outputs for a batch.
        identity: Identifies the teacher and the student's first weights.
        has_weak_labels: Whether some clips have weak labels.
        embeddings: The terms of an encoder's embeddings; None without embeddings.
    """

    def __init__(
        self,
        mapping: LayerMapping,
        *,
        student: nn.Module,
        token_width: int,
        recipe: DistillRecipe,
        outputs: TeacherOutputs,
        identity: str,
        has_weak_labels: bool = False,
        embeddings: EmbeddingLoss | None = None,
    ) -> None:
        super().__init__()
        self.mapping, self.recipe = mapping, recipe
        self._outputs = outputs
        self.signature = f"distillation {recipe.response} {recipe.features} {recipe.attention} {mapping} {identity}"
        if recipe.training.weigh_by_raters:
            self.signature += " weighed by raters"
        response = recipe.response
        weights = {"hard": response.weight * response.hard, "soft": response.weight * response.soft}
        if mapping.features:
            assert isinstance(student, Capturable)
            weights["features"] = recipe.features.weight
            self.projections = nn.ModuleDict(
                {str(pair.student): nn.Linear(student.width, token_width) for pair in mapping.features}
            )
        self.embeddings = embeddings
        if embeddings is not None:
            weights |= embeddings.weights
            self.signature += f" {embeddings.signature}"
        if has_weak_labels:
            weights["weak_labels"] = recipe.training.weak_labels.weight
        if mapping.attention:
            weights["attention"] = recipe.attention.weight
        self.weights: Mapping[str, float] = {name: weight for name, weight in weights.items() if weight > 0}

    def forward(self, model: nn.Module, images: torch.Tensor, batch: Batch) -> dict[str, torch.Tensor]:
        """Compute each term, and `loss`, their weighted sum, for images [batch, 3, height, width]."""
        teacher_outputs = self._outputs(batch)
        if isinstance(model, Capturable):
            blocks = {pair.student for pair in self.mapping.features}
            if self.embeddings is not None:
                blocks.add(len(model.blocks) - 1)
            captured = capture(
                model, images, hidden=blocks, attention={pair.student for pair in self.mapping.attention}
            )
            terms = self._response(captured.output, batch, teacher_outputs[PREDICTIONS])
            if self.mapping.features:
                terms["features"] = self._features(captured, teacher_outputs)
            if self.mapping.attention:
                terms["attention"] = self._attention(captured, teacher_outputs)
            if self.embeddings is not None:
                terms |= self.embeddings(features_of_tokens(model, captured), batch)
        elif self.embeddings is not None:
            features = clip_features(model, images)
            terms = self._response(features.output, batch, teacher_outputs[PREDICTIONS])
            terms |= self.embeddings(features, batch)
        else:
            terms = self._response(model(images), batch, teacher_outputs[PREDICTIONS])
        loss = torch.stack([weight * terms[name] for name, weight in self.weights.items()]).sum()
        return {"loss": loss, **{name: terms[name] for name in self.weights}}

    def _response(
        self, predictions: torch.Tensor, batch: Batch, teacher_predictions: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        temperature, training = self.recipe.response.temperature, self.recipe.training
        terms = {
            "hard": regression_loss(
                predictions, batch.labels, training.ccc_share, batch.weights if training.weigh_by_raters else None
            ),
            "soft": regression_loss(
                tempered(predictions, temperature), tempered(teacher_predictions, temperature), training.ccc_share
            ),
        }
        if "weak_labels" in self.weights:
            terms["weak_labels"] = weak_label_loss(predictions, batch.weak_labels, training.weak_labels.sharpness)
        return terms

    def _features(self, captured: Captured, teacher_outputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        losses = [
            feature_loss(
                self.projections[str(pair.student)](captured.hidden[pair.student]),
                gather_tokens(teacher_outputs[features_name(pair.teacher)], captured.token_indices),
            )
            for pair in self.mapping.features
        ]
        return torch.stack(losses).mean()

    def _attention(self, captured: Captured, teacher_outputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        losses = [
            attention_loss(
                captured.attention[pair.student].mean(dim=1),
                gather_attention(teacher_outputs[attention_name(pair.teacher)], captured.token_indices),
                self.recipe.attention.loss,
            )
            for pair in self.mapping.attention
        ]
        return torch.stack(losses).mean()
