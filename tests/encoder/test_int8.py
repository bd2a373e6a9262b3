"""Prediction in 8-bit integers: close to float32, and never of weights that are gone."""

import numpy as np
import pytest
import spacy
import torch
from conftest import examples, train
from torch import nn

from spacy_bert_ner.encoder import int8 as int8_module
from spacy_bert_ner.encoder.shim import EncoderShim
from spacy_bert_ner.training.average import average

INT8 = {"components.transformer.model.int8": True}
TEXTS = ["Ada Lovelace lives in London .", "Nokia opened in Oulu on Monday."]


def vectors(nlp):
    transformer = nlp.get_pipe("transformer")
    batch = transformer.predict([nlp.make_doc(text) for text in TEXTS])
    return batch.model_output.last_hidden_state


def shim_of(nlp):
    return nlp.get_pipe("transformer").model.shims[0]


def test_vectors_are_close_to_float32(make_nlp):
    exact, rounded = vectors(make_nlp()), vectors(make_nlp(**INT8))
    assert not np.array_equal(exact, rounded)
    cosine = (
        (exact * rounded).sum(1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(rounded, axis=1)
    )
    assert cosine.min() > 0.995


def test_only_linear_layers_are_copied(make_nlp):
    nlp = make_nlp(**INT8)
    shim = shim_of(nlp)
    vectors(nlp)
    replica = shim._for_prediction()
    assert replica is shim._for_prediction() is not shim.module
    kept = [layer for layer in replica.modules() if type(layer) is nn.Linear]
    assert kept
    assert all(layer.in_features > layer.out_features for layer in kept)
    whole = [layer for layer in shim.module.modules() if type(layer) is nn.Linear]
    assert len(whole) == 6 * len(kept)
    mine = dict(shim.module.named_parameters())
    assert {name for name, _ in replica.named_parameters()} < set(mine)
    for name, parameter in replica.named_parameters():
        assert parameter is mine[name]


def test_training_is_in_float32_and_prediction_follows_it(make_nlp):
    nlp, plain = make_nlp(**INT8), make_nlp()
    before = vectors(nlp)
    torch.manual_seed(1)
    losses = train(nlp, steps=3)
    torch.manual_seed(1)
    assert losses == train(plain, steps=3)
    after = vectors(nlp)
    assert np.abs(after - before).max() > 1e-3
    # As if the trained weights had just been loaded.
    again = make_nlp(**INT8)
    again.from_bytes(nlp.to_bytes())
    assert np.array_equal(vectors(again), after)


def test_what_is_saved_is_float32(make_nlp):
    nlp = make_nlp(**INT8)
    before = nlp.get_pipe("transformer").model.to_bytes()
    vectors(nlp)
    assert nlp.get_pipe("transformer").model.to_bytes() == before


def test_it_is_a_setting_of_loading(make_nlp, tmp_path):
    make_nlp().to_disk(tmp_path / "plain")
    nlp = spacy.load(tmp_path / "plain", config=INT8)
    assert shim_of(nlp)._for_prediction() is not shim_of(nlp).module
    plain = spacy.load(tmp_path / "plain")
    assert shim_of(plain)._for_prediction() is shim_of(plain).module


def test_a_copy_of_the_component_works(make_nlp):
    nlp = make_nlp(**INT8)
    expected = vectors(nlp)
    model = nlp.get_pipe("transformer").model.copy()
    docs = [nlp.make_doc(text) for text in TEXTS]
    assert np.array_equal(model.predict(docs).model_output.last_hidden_state, expected)


def test_averaging_is_noticed(make_nlp):
    nlp, other = make_nlp(**INT8), make_nlp(**INT8)
    train(other, steps=3)
    before = vectors(nlp)
    average(nlp, [("other", other)])
    assert np.abs(vectors(nlp) - before).max() > 1e-4


def test_listeners_replaced_keep_it(make_nlp):
    nlp = make_nlp(**INT8)
    nlp.replace_listeners("transformer", "ner", ["model.tok2vec"])
    shims = [shim for node in nlp.get_pipe("ner").model.walk() for shim in node.shims]
    assert [shim.int8 for shim in shims if isinstance(shim, EncoderShim)] == [True]
    assert nlp.config["components"]["ner"]["model"]["tok2vec"]["int8"] is True


def test_where_torch_cannot_do_it(make_nlp, monkeypatch):
    def refuse(*args, **kwargs):
        raise RuntimeError("no engine")

    monkeypatch.setattr(int8_module.torch.ao.quantization, "quantize_dynamic", refuse)
    nlp = make_nlp(**INT8)
    with pytest.raises(ValueError, match=r"cannot compute in 8 bits here \(no engine\)"):
        nlp.get_pipe("transformer").predict([eg.predicted for eg in examples(nlp)])
