"""The optimizer against torch's own AdamW and clipping."""

import copy

import numpy as np
import pytest
import torch
from conftest import examples
from thinc.api import Adam

from spacy_bert_ner.optimizer import FineTuningOptimizer
from spacy_bert_ner.shim import TorchShim
from spacy_bert_ner.tagger.head import HeadShim, TagClassifier


class Encoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = torch.nn.Linear(3, 4)
        self.norm = torch.nn.LayerNorm(4)
        self.case_embedding = torch.nn.Embedding(2, 4)


class EncoderShim(TorchShim):
    new_parameters = ("case_embedding",)


def shims():
    torch.manual_seed(0)
    encoder, head = EncoderShim(), HeadShim()
    encoder.set_module(Encoder())
    head.set_module(TagClassifier(4, 5))
    return encoder, head


def set_gradients(modules, seed):
    generator = torch.Generator().manual_seed(seed)
    for module in modules:
        for parameter in module.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator)


def test_equals_adamw_with_groups_and_global_clipping():
    encoder, head = shims()
    reference = [copy.deepcopy(encoder.module), copy.deepcopy(head.module)]
    rates = [0.1, 0.2, 0.1, 0.05]
    optimizer = FineTuningOptimizer(iter(rates), head_factor=3.0, weight_decay=0.1, grad_clip=1.0)
    groups = [
        {"params": [reference[0].dense.weight], "weight_decay": 0.1, "factor": 1.0},
        {"params": [reference[0].dense.bias, *reference[0].norm.parameters()], "weight_decay": 0.0,
         "factor": 1.0},
        {"params": [reference[0].case_embedding.weight, reference[1].linear.weight],
         "weight_decay": 0.1, "factor": 3.0},
        {"params": [reference[1].linear.bias], "weight_decay": 0.0, "factor": 3.0},
    ]  # fmt: skip
    adamw = torch.optim.AdamW(groups, lr=0.0)
    for step, rate in enumerate(rates):
        set_gradients([encoder.module, head.module], step)
        set_gradients(reference, step)
        encoder_parameters = list(reference[0].parameters())
        head_parameters = list(reference[1].parameters())
        if step == 0:
            # The head is not known before its first update: that step goes by the encoder's norm.
            norm = torch.nn.utils.clip_grad_norm_(encoder_parameters, 1.0)
            for parameter in head_parameters:
                parameter.grad /= norm
        else:
            norm = torch.nn.utils.clip_grad_norm_([*encoder_parameters, *head_parameters], 1.0)
        assert norm > 1.0
        for group in adamw.param_groups:
            group["lr"] = rate * group["factor"]
        encoder.finish_update(optimizer)
        head.finish_update(optimizer)
        adamw.step()
        optimizer.step_schedules()
        for mine, theirs in zip([encoder.module, head.module], reference):
            for (name, a), b in zip(mine.named_parameters(), theirs.parameters()):
                torch.testing.assert_close(a, b, msg=name, rtol=1e-5, atol=1e-6)
                assert a.grad is None


def test_small_gradients_are_not_clipped():
    encoder, head = shims()
    reference = copy.deepcopy(head.module)
    optimizer = FineTuningOptimizer(0.1, head_factor=1.0, weight_decay=0.0, grad_clip=1e6)
    adamw = torch.optim.AdamW(reference.parameters(), lr=0.1, weight_decay=0.0)
    set_gradients([head.module], 0)
    set_gradients([reference], 0)
    head.finish_update(optimizer)
    adamw.step()
    torch.testing.assert_close(head.module.linear.weight, reference.linear.weight)


def test_weights_may_change_between_forward_and_backward(make_nlp):
    """nlp.update(sgd=...) updates the encoder while a batch is under way."""
    nlp = make_nlp()
    optimizer = FineTuningOptimizer(1e-3)
    encoder = nlp.get_pipe("transformer").model.shims[0].module
    before = encoder.transformer.embeddings.word_embeddings.weight.detach().clone()
    for _ in range(3):
        nlp.update(examples(nlp), sgd=optimizer)
    assert not torch.equal(before, encoder.transformer.embeddings.word_embeddings.weight)


def test_stock_thinc_optimizer_works_too(make_nlp):
    nlp = make_nlp()
    losses = []
    optimizer = Adam(3e-3)
    for _ in range(30):
        loss = {}
        nlp.update(examples(nlp), sgd=optimizer, losses=loss)
        losses.append(loss["ner"])
    assert losses[-1] < 0.7 * losses[0]


def test_thinc_parameters_learn_at_the_heads_rate():
    optimizer = FineTuningOptimizer(0.01, head_factor=5.0, weight_decay=0.0)
    weights, _ = optimizer((1, "W"), np.zeros(2, dtype="f"), np.array([1.0, -1.0], dtype="f"))
    assert weights == pytest.approx([-0.05, 0.05], rel=1e-3)


def test_weights_that_were_replaced_get_a_fresh_state(tmp_path):
    encoder, head = shims()
    optimizer = FineTuningOptimizer(0.1)
    set_gradients([head.module], 0)
    head.finish_update(optimizer)
    head.set_module(TagClassifier(4, 6))
    before = head.module.linear.weight.detach().clone()
    set_gradients([head.module], 1)
    head.finish_update(optimizer)
    assert not torch.equal(before, head.module.linear.weight)
