"""The encoder layer against running each document through transformers by itself."""

import numpy as np
import pytest
import spacy
import torch
from conftest import examples
from spacy.tokens import Doc
from thinc.api import torch2xp
from transformers import AutoModel

from spacy_bert_ner.encoder import model as model_module
from spacy_bert_ner.encoder.architectures import build_transformer_model_v1
from spacy_bert_ner.encoder.case import case_of
from spacy_bert_ner.encoder.vectors import TokenVectorBatch

TEXTS = [
    "Ada Lovelace lives in London .",
    "",
    " \n ",
    "Nokia",
    "the board met\n\nin Oulu on Monday!",
]


def build(folder, **settings):
    model = build_transformer_model_v1(str(folder), overlap=8, max_token_pieces=8, **settings)
    model.initialize()
    return model


def naive_vectors(model, doc):
    """One forward pass over a document that fits one window, pieces gathered one by one."""
    shim = model.shims[0]
    tokenizer = shim.pieces.tokenizer
    ids, first, cases = list(tokenizer.prefix), [], [0] * len(tokenizer.prefix)
    for i, token in enumerate(doc):
        spaced = tokenizer.space_sensitive and (i == 0 or bool(doc[i - 1].whitespace_))
        (pieces,) = tokenizer.encode([" " + token.text if spaced else token.text])
        first.append(None if token.is_space else len(ids))
        if not token.is_space:
            ids += pieces
            cases += [int(case_of(token.text))] * len(pieces)
    ids += tokenizer.suffix
    cases += [0] * len(tokenizer.suffix)
    network = shim.module.eval()
    with torch.no_grad():
        embedded = network.transformer.get_input_embeddings()(torch.tensor([ids]))
        if network.case_embedding is not None:
            embedded = embedded + network.case_embedding(torch.tensor([cases]))
        hidden = network.transformer(inputs_embeds=embedded)[0][0]
    width = hidden.shape[1]
    return np.stack([np.zeros(width) if c is None else hidden[c].numpy() for c in first])


def test_every_family_gives_one_vector_a_token(any_encoder):
    model = build(any_encoder)
    torch.manual_seed(1)
    network = model.shims[0].module
    if network.case_embedding is not None:
        torch.nn.init.normal_(network.case_embedding.weight)
    docs = list(spacy.blank("en").pipe(TEXTS))
    batch = model.predict(docs)
    for doc, data in zip(docs, batch.doc_data):
        if not len(doc):
            assert "last_hidden_state" not in data.model_output
            continue
        states = data.model_output.last_hidden_state
        assert states.shape == (1, len(doc), model.get_dim("nO"))
        np.testing.assert_allclose(states[0], naive_vectors(model, doc), atol=2e-5)


def test_pretrained_function_is_unchanged_at_first(encoder_folder):
    """The case embedding starts at zero, so the vectors are those of the published encoder."""
    model = build(encoder_folder("bert"))
    doc = spacy.blank("en")("Ada lives in London")
    pieces = model.shims[0].pieces.pieces([doc])
    tokenizer = model.shims[0].pieces.tokenizer
    ids = [*tokenizer.prefix, *pieces.ids.tolist(), *tokenizer.suffix]
    published = AutoModel.from_pretrained(encoder_folder("bert")).eval()
    with torch.no_grad():
        hidden = published(input_ids=torch.tensor([ids]))[0][0].numpy()
    firsts = 1 + np.cumsum(pieces.counts) - pieces.counts
    vectors = model.predict([doc]).doc_data[0].model_output.last_hidden_state[0]
    np.testing.assert_allclose(vectors, hidden[firsts], atol=1e-5)


SENTENCES = ["Ada Lovelace lives in London.", "Nokia opened in Oulu!", "She paid"]


@pytest.mark.parametrize("together", [1, 2, 3])
def test_passages_are_read_one_by_one(encoder_folder, together):
    nlp = spacy.blank("en")
    model = build(encoder_folder("bert"))
    parts = [" ".join(SENTENCES[:together]), *SENTENCES[together:]]
    size = 0 if together == 1 else int(model.shims[0].pieces.pieces([nlp(parts[0])]).counts.sum())
    whole = nlp(" ".join(SENTENCES))
    (found,) = build(encoder_folder("bert"), passage=size).predict([whole]).doc_data
    alone = np.concatenate([naive_vectors(model, nlp(part)) for part in parts])
    np.testing.assert_allclose(found.model_output.last_hidden_state[0], alone, atol=2e-5)


def test_a_passage_has_a_size(encoder_folder):
    with pytest.raises(ValueError, match="passage = -1 is no number of pieces"):
        build(encoder_folder("bert"), passage=-1)


def test_case_features_follow_the_tokenizer(encoder_folder):
    def has_case(family, setting):
        model = build(encoder_folder(family), case_features=setting)
        return model.shims[0].module.case_embedding is not None

    assert has_case("bert", None)
    assert not has_case("roberta", None)
    assert has_case("roberta", True)
    assert not has_case("bert", False)


def test_result_does_not_depend_on_batch_order_or_padding(encoder_folder, monkeypatch):
    model = build(encoder_folder("bert"))
    docs = list(
        spacy.blank("en").pipe([*TEXTS, *[" ".join(["London Oulu"] * n) for n in range(9)]])
    )
    together = [d.model_output.get("last_hidden_state") for d in model.predict(docs).doc_data]
    backwards = [
        d.model_output.get("last_hidden_state") for d in model.predict(docs[::-1]).doc_data
    ][::-1]
    monkeypatch.setattr(model_module, "CPU_PACKING", {"max_padded": 1, "max_waste": 0})
    alone = [d.model_output.get("last_hidden_state") for d in model.predict(docs).doc_data]
    for a, b, c in zip(together, backwards, alone):
        if a is not None:
            np.testing.assert_allclose(a, b, atol=1e-5)
            np.testing.assert_allclose(a, c, atol=1e-5)


def test_long_document_takes_each_vector_from_its_deepest_window(encoder_folder):
    model = build(encoder_folder("bert"), window=26)
    doc = Doc(spacy.blank("en").vocab, words=["London", "Oulu", "met"] * 20)
    shim = model.shims[0]
    counts = shim.pieces.pieces([doc]).counts
    assert counts.tolist() == [1] * 60
    vectors = model.predict([doc]).doc_data[0].model_output.last_hidden_state[0]
    # Windows of 24 tokens that share 8, so they begin at 0, 16, 32 and 36 would hold the rest.
    window_starts = [0, 16, 32]
    ends = [24, 40, 56]
    for token, window in [(0, 0), (19, 0), (20, 1), (35, 1), (36, 2)]:
        piece = Doc(doc.vocab, words=[t.text for t in doc[window_starts[window] : ends[window]]])
        expected = naive_vectors(model, piece)[token - window_starts[window]]
        np.testing.assert_allclose(vectors[token], expected, atol=1e-5)


def test_gradient_reaches_encoder_case_embedding_and_head(make_nlp):
    nlp = make_nlp()
    nlp.update(examples(nlp), sgd=False)
    encoder = nlp.get_pipe("transformer").model.shims[0].module
    head = nlp.get_pipe("ner").model.get_ref("head").shims[0].module
    without = [
        name
        for module in (encoder, head)
        for name, parameter in module.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().sum() > 0
    ]
    assert without == []


def test_gradient_equals_that_of_autograd_alone(encoder_folder):
    """Backprop through the thinc layer against torch from end to end."""
    model = build(
        encoder_folder("bert"),
        transformer_config={"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0},
    )
    docs = list(spacy.blank("en").pipe(TEXTS))
    batch, backprop = model.begin_update(docs)
    n_tokens = sum(map(len, docs))
    torch.manual_seed(0)
    weights = torch.randn(n_tokens, model.get_dim("nO"))
    ends = np.cumsum([len(d) for d in docs])
    parts = [[torch2xp(weights[e - len(d) : e])[None]] for d, e in zip(docs, ends) if len(d)]
    backprop(batch.unsplit_by_doc(parts))
    network = model.shims[0].module
    found = {n: p.grad.clone() for n, p in network.named_parameters() if p.grad is not None}
    network.zero_grad()
    total = 0.0
    for doc, end in zip(docs, ends):
        if not len(doc):
            continue
        buckets = model_module.make_buckets(
            model.shims[0].pieces.pieces([doc]), model.shims[0].pieces.tokenizer,
            window_pieces=64, overlap=8, max_padded=10_000,
            max_waste=512,
        )  # fmt: skip
        vectors = network(buckets, len(doc))
        total = total + (vectors * weights[end - len(doc) : end]).sum()
    total.backward()
    for name, parameter in network.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(found[name], parameter.grad, atol=1e-4, rtol=1e-4)


def test_data_of_a_batch():
    vectors = np.arange(12, dtype="f").reshape(4, 3)
    batch = TokenVectorBatch.from_vectors(vectors, np.array([1, 0, 3]))
    assert [len(d.align.lengths) for d in batch.doc_data] == [1, 0, 3]
    joined = batch.unsplit_by_doc([[vectors[None, :1]], [vectors[None, 1:]]])
    np.testing.assert_array_equal(joined.model_output["last_hidden_state"], vectors)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("./no/such/folder", "There is no such folder"),
        ("no-such-encoder-anywhere", "Can't load the encoder 'no-such-encoder-anywhere'"),
    ],
)
def test_missing_encoder(name, message):
    with pytest.raises(ValueError, match=message):
        build_transformer_model_v1(name).initialize()


def test_construction_reads_nothing():
    model = build_transformer_model_v1("./no/such/folder")
    assert not model.shims[0].has_module
    with pytest.raises(ValueError, match="nlp.initialize"):
        model.predict([Doc(spacy.blank("en").vocab, words=["a"])])


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"window": 8, "max_token_pieces": 8}, "max_token_pieces"), ({"overlap": 40}, "overlap")],
)
def test_impossible_windows(encoder_folder, settings, message):
    with pytest.raises(ValueError, match=message):
        build_transformer_model_v1(
            str(encoder_folder("bert")), **{"max_token_pieces": 8, **settings}
        ).initialize()


def test_pickled_weights_are_refused(encoder_folder, tmp_path):
    import shutil

    shutil.copytree(encoder_folder("bert"), tmp_path / "encoder")
    weights = tmp_path / "encoder" / "model.safetensors"
    torch.save({}, weights.with_name("pytorch_model.bin"))
    weights.unlink()
    with pytest.raises(ValueError, match="Can't load the encoder"):
        build_transformer_model_v1(str(tmp_path / "encoder")).initialize()


def out_of_memory_beyond(network, most, monkeypatch):
    """Let the encoder run out of memory on more rows than that; returns the rows of each pass."""
    run, rows = network.transformer.forward, []

    def forward(*args, **kwargs):
        rows.append(len(kwargs["attention_mask"]))
        if rows[-1] > most:
            raise torch.OutOfMemoryError("out of memory")
        return run(*args, **kwargs)

    monkeypatch.setattr(network.transformer, "forward", forward)
    return rows


def test_a_batch_that_does_not_fit_is_cut(encoder_folder, monkeypatch):
    model = build(encoder_folder("bert"))
    docs = list(spacy.blank("en").pipe(TEXTS * 3))
    expected = model.predict(docs).model_output.last_hidden_state
    rows = out_of_memory_beyond(model.shims[0].module, 3, monkeypatch)
    found = model.predict(docs).model_output.last_hidden_state
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert max(rows) > 3
    # What did not fit once is not tried again.
    rows.clear()
    np.testing.assert_allclose(
        model.predict(docs).model_output.last_hidden_state, expected, atol=1e-5
    )
    assert max(rows) <= 3


def test_memory_that_no_window_fits_into(encoder_folder, monkeypatch):
    model = build(encoder_folder("bert"))
    out_of_memory_beyond(model.shims[0].module, 0, monkeypatch)
    with pytest.raises(torch.OutOfMemoryError):
        model.predict(list(spacy.blank("en").pipe(["Nokia", "Oulu"])))


def test_training_does_not_hide_that_memory_is_out(encoder_folder, monkeypatch):
    model = build(encoder_folder("bert"))
    out_of_memory_beyond(model.shims[0].module, 1, monkeypatch)
    with pytest.raises(torch.OutOfMemoryError):
        model.begin_update(list(spacy.blank("en").pipe(["Nokia", "Oulu"])))
