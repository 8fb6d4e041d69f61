"""The distillation loss: response, features and attention, by the shares of a recipe."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.distill.layer_mapping import ANSWERS, LayerMapping, Source, attention_name, features_name
from sentio_mobile.distill.losses import attention_loss, feature_loss, gather_attention, gather_tokens, tempered
from sentio_mobile.models.capture import Capturable, capture
from sentio_mobile.training.datamodule import Batch
from sentio_mobile.training.objectives import regression_loss, weak_label_loss


class Distillation(nn.Module):
    """Learn from people's labels, and from what a teacher answers, holds and looks at, given the very same clips.

    That teacher and student are given the same augmented clip is what makes a student follow its teacher as a function
    (Beyer et al. 2022, "A good teacher is patient and consistent").

    Where a training step keeps some of the patches, the student learns what the teacher, which saw all of them, holds
    there, and how it looks from the kept ones to the kept ones.

    Args:
        plan: which blocks learn from which.
        student: the network that will learn; its projections to the teacher's width are made here.
        teacher: the network that it learns from; only its width is read.
        recipe: shares of the terms.
        source: what the teacher says.
        teaches: tells the teacher from any other.
        has_sides: whether it is known of some clips on which side of neutral they are, and that is learnt.
    """

    def __init__(
        self,
        plan: LayerMapping,
        student: nn.Module,
        teacher: nn.Module,
        recipe: DistillRecipe,
        source: Source,
        teaches: str,
        has_sides: bool = False,
    ) -> None:
        super().__init__()
        self.plan, self.recipe, self.ccc_share = plan, recipe, recipe.training.ccc_share
        self._source = source
        self.signature = f"distillation {recipe.response} {recipe.features} {recipe.attention} {plan} {teaches}"
        response = recipe.response
        shares = {"hard": response.weight * response.hard, "soft": response.weight * response.soft}
        if plan.features:
            assert isinstance(student, Capturable)
            assert isinstance(teacher, Capturable)
            shares["features"] = recipe.features.weight
            self.projections = nn.ModuleDict(
                {str(pair.student): nn.Linear(student.width, teacher.width) for pair in plan.features}
            )
        if has_sides:
            shares["sides"] = recipe.training.weak_labels.weight
        if plan.attention:
            shares["attention"] = recipe.attention.weight
        self.shares: Mapping[str, float] = {name: share for name, share in shares.items() if share > 0}

    def forward(self, model: nn.Module, images: torch.Tensor, batch: Batch) -> dict[str, torch.Tensor]:
        """Images [batch, 3, height, width] as the student takes them. Each term, and `loss`, their weighted sum."""
        taught = self._source(batch)
        if self.plan.features or self.plan.attention:
            captured = capture(
                model,
                images,
                hidden={pair.student for pair in self.plan.features},
                attention={pair.student for pair in self.plan.attention},
            )
            terms = self._response(captured.output, batch, taught[ANSWERS])
            if self.plan.features:
                terms["features"] = torch.stack(
                    [
                        feature_loss(
                            self.projections[str(pair.student)](captured.hidden[pair.student]),
                            gather_tokens(taught[features_name(pair.teacher)], captured.token_indices),
                        )
                        for pair in self.plan.features
                    ]
                ).mean()
            if self.plan.attention:
                terms["attention"] = torch.stack(
                    [
                        attention_loss(
                            captured.attention[pair.student].mean(dim=1),
                            gather_attention(taught[attention_name(pair.teacher)], captured.token_indices),
                            self.recipe.attention.loss,
                        )
                        for pair in self.plan.attention
                    ]
                ).mean()
        else:
            terms = self._response(model(images), batch, taught[ANSWERS])
        loss = torch.stack([share * terms[name] for name, share in self.shares.items()]).sum()
        return {"loss": loss, **{name: terms[name] for name in self.shares}}

    def _response(self, answers: torch.Tensor, batch: Batch, taught: torch.Tensor) -> dict[str, torch.Tensor]:
        hard = regression_loss(answers, batch.labels, self.ccc_share)
        soft = regression_loss(
            tempered(answers, self.recipe.response.temperature),
            tempered(taught, self.recipe.response.temperature),
            self.ccc_share,
        )
        terms = {"hard": hard, "soft": soft}
        if "sides" in self.shares:
            terms["sides"] = weak_label_loss(answers, batch.sides, self.recipe.training.weak_labels.sharpness)
        return terms
