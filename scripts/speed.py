"""Speed beside the peers, side by side in one run, with the same encoder and texts.

usage: speed.py run PIPELINE --encoder FOLDER [--gpu-id 0] [--rounds 5] [--words 6000]
       speed.py scale PIPELINE
       speed.py report

PIPELINE is a trained pipeline of ours, and --encoder the folder of the encoder that it was made from.
The texts are those of a corpus converted by the project. `run` measures throughput on short texts,
documents, a mix and very long documents; latency of single short texts; load time and peak memory,
each in a process of its own; training; and whether the fast modes find what float32 finds. Systems
take turns in every round, so that a machine whose speed drifts is as unfair to one as to the other;
figures are medians, ratios are taken within a round.
`scale` tags ever more documents and records speed and memory. Words are those between spaces.
"""

from __future__ import annotations

import json
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Annotated, Any

import matplotlib
import numpy as np
import spacy
import srsly
import torch
import typer
from peers.taggers import (
    ForwardPass,
    Tag,
    huggingface,
    load,
    spacy_tag,
    untrained,
    update,
)
from spacy.tokens import DocBin
from spacy.training import Corpus
from spacy.util import registry
from wasabi import msg

OURS = "ours"
TOKENIZER, FORWARD = "tokenizer", "forward"
SYSTEMS = (TOKENIZER, FORWARD, OURS, "ours, no confidence", "ours, int8", "spacy", "hf")
DEFAULT = Path(__file__).parents[1] / "configs" / "default.cfg"
STOCK = Path(__file__).parent / "peers" / "stock.cfg"
DOCUMENT, LONG = 360, 20_000
LATENCIES = 100
WARM_UP = 3
SCALE = tuple(10**n for n in range(1, 7))
MEGABYTE = 1 << 20

app = typer.Typer(help=__doc__, no_args_is_help=True)
Folder = Annotated[Path, typer.Option(help="Folder for figures and chart")]
Gpu = Annotated[int, typer.Option(help="GPU to compute on, -1 for the CPU")]
CorpusFolder = Annotated[Path, typer.Option(help="Folder with train.spacy and dev.spacy")]


def words_of(texts: list[str]) -> int:
    return sum(len(text.split()) for text in texts)


def sentences(path: Path) -> list[str]:
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    docs = DocBin().from_disk(path).get_docs(nlp.vocab)
    return [s.text.strip() for doc in docs for s in nlp(doc.text).sents if s.text.strip()]


def joined(texts: list[str], words: int) -> list[str]:
    """Neighbouring texts put together to texts of about that many words."""
    made: list[str] = []
    part: list[str] = []
    for text in texts:
        part.append(text)
        if words_of(part) >= words:
            made.append(" ".join(part))
            part = []
    return made or [" ".join(part)]


def text_sets(path: Path, words: int) -> dict[str, list[str]]:
    """About that many words of each kind; the corpus is gone through as often as that takes."""
    short: list[str] = []
    total = 0
    for text in cycle(sentences(path)):
        short.append(text)
        total += len(text.split())
        if total >= words:
            break
    docs = joined(short, DOCUMENT)
    mix = [text for pair in zip(short[: len(docs)], docs) for text in pair]
    return {"short": short, "docs": docs, "mix": mix, "long": joined(short, min(words, LONG))}


def timed(function: Callable[..., Any], *arguments: Any) -> float:
    started = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - started


@app.command()
def run(
    pipeline: Annotated[Path, typer.Argument(help="Trained pipeline of ours")],
    encoder: Annotated[Path, typer.Option(help="Folder of its pretrained encoder")],
    corpus: CorpusFolder = Path("corpus"),
    gpu_id: Gpu = -1,
    rounds: Annotated[int, typer.Option(min=1, help="Times that each figure is taken")] = 5,
    words: Annotated[int, typer.Option(min=1, help="Words of each kind of text")] = 6_000,
    steps: Annotated[int, typer.Option(min=1, help="Training steps measured")] = 12,
    output: Folder = Path("metrics/speed"),
) -> None:
    """Measure, print and keep all figures but those of `scale`."""
    figures: dict[str, Any] = {"machine": machine(gpu_id), "rounds": rounds}
    figures["resources"] = {
        system: alone(pipeline, encoder, corpus, gpu_id, system)
        for system in (OURS, "ours, int8", "spacy", "hf")
    }
    ours = load(pipeline, gpu_id)
    peer = untrained(STOCK, corpus / "train.spacy", corpus / "dev.spacy", encoder, gpu_id)
    figures["training"] = training(corpus, encoder, peer, gpu_id, steps)
    systems = make_systems(pipeline, encoder, ours, peer, gpu_id)
    forward = ForwardPass(encoder, gpu_id)
    texts = text_sets(corpus / "train.spacy", words)
    figures["latency"] = latency(systems, forward, texts["short"])
    figures["fast_modes"] = fast_modes(pipeline, corpus / "test.spacy", gpu_id)
    figures["throughput"] = {
        kind: throughput(systems, forward, of_kind, rounds) for kind, of_kind in texts.items()
    }
    output.mkdir(parents=True, exist_ok=True)
    srsly.write_json(output / "speed.json", figures)
    report(output)


def machine(gpu_id: int) -> dict[str, Any]:
    return {
        "device": torch.cuda.get_device_name(gpu_id) if gpu_id >= 0 else platform.processor(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "spacy": spacy.__version__,
    }


def make_systems(
    pipeline: Path, encoder: Path, ours: Any, peer: Any, gpu_id: int
) -> dict[str, Tag]:
    plain = {"components.ner.confidence": False, "components.ner.threshold": None}
    systems = {
        TOKENIZER: spacy_tag(spacy.blank("en")),
        OURS: spacy_tag(ours),
        "ours, no confidence": spacy_tag(load(pipeline, gpu_id, **plain)),
        "spacy": spacy_tag(peer),
        "hf": huggingface(ours, encoder, gpu_id),
    }
    if gpu_id < 0:
        int8 = {"components.transformer.model.int8": True}
        systems["ours, int8"] = spacy_tag(load(pipeline, gpu_id, **int8))
    return {name: systems[name] for name in SYSTEMS if name in systems}


def throughput(
    systems: dict[str, Tag], forward: ForwardPass, texts: list[str], rounds: int
) -> dict[str, Any]:
    """Words a second of each system in each round, after one round that does not count."""
    n = words_of(texts)
    batches = forward.batches(texts)
    todo: dict[str, Callable[[Any], int]] = {**systems, FORWARD: forward.run}
    figures: dict[str, list[float]] = {name: [] for name in SYSTEMS if name in todo}
    for number in range(rounds + 1):
        for name, values in figures.items():
            seconds = timed(todo[name], batches if name == FORWARD else texts)
            if number:
                values.append(n / seconds)
    return {"texts": len(texts), "words": n, "words_per_second": figures}


def latency(systems: dict[str, Tag], forward: ForwardPass, texts: list[str]) -> dict[str, Any]:
    """Seconds that each of some short texts takes by itself."""
    chosen = texts[:LATENCIES]
    todo: dict[str, Callable[[Any], int]] = {**systems, FORWARD: forward.run}
    figures: dict[str, list[float]] = {name: [] for name in SYSTEMS if name in todo}
    for counted, sample in ((False, chosen[:10]), (True, chosen)):
        for text in sample:
            batches = forward.batches([text])
            for name, values in figures.items():
                seconds = timed(todo[name], batches if name == FORWARD else [text])
                if counted:
                    values.append(seconds)
    return figures


def fast_modes(pipeline: Path, path: Path, gpu_id: int) -> dict[str, dict[str, float]]:
    """F1 on the corpus' test split, and the share of documents with the very entities of float32."""
    exact = {"components.transformer.model.mixed_precision": False}
    fast = {"int8": {"components.transformer.model.int8": True}} if gpu_id < 0 else {"bf16": {}}
    figures: dict[str, dict[str, float]] = {}
    expected: list[list[tuple]] = []
    for name, settings in {"fp32": exact, **fast}.items():
        nlp = load(pipeline, gpu_id, **settings)
        examples = list(Corpus(path)(nlp))
        scores = nlp.evaluate(examples)
        docs = nlp.pipe([example.predicted for example in examples])
        found = [[(ent.start, ent.end, ent.label_) for ent in doc.ents] for doc in docs]
        expected = expected or found
        same = float(np.mean([one == other for one, other in zip(found, expected)]))
        figures[name] = {"f1": 100 * scores["ents_f"], "same": same}
    return figures


def training(
    corpus: Path, encoder: Path, peer: Any, gpu_id: int, steps: int
) -> dict[str, list[float]]:
    """Words a second of each training step, of ours and of spaCy's, which take turns."""
    ours = untrained(DEFAULT, corpus / "train.spacy", corpus / "dev.spacy", encoder, gpu_id)
    figures: dict[str, list[float]] = {}
    pipelines = {OURS: ours, "spacy": peer}
    settings = {
        name: registry.resolve(nlp.config.interpolate()["training"])
        for name, nlp in pipelines.items()
    }
    batches = {
        name: iter(settings[name]["batcher"](list(Corpus(corpus / "train.spacy")(nlp))))
        for name, nlp in pipelines.items()
    }
    for number in range(steps + WARM_UP):
        for name, nlp in pipelines.items():
            batch = list(next(batches[name]))
            seconds = timed(update, nlp, settings[name]["optimizer"], batch)
            if number >= WARM_UP:
                words = words_of([example.reference.text for example in batch])
                figures.setdefault(name, []).append(words / seconds)
    return figures


def alone(
    pipeline: Path, encoder: Path, corpus: Path, gpu_id: int, system: str
) -> dict[str, float]:
    """Load time and peak memory of one system in a process of its own."""
    arguments = [str(pipeline), str(encoder), str(corpus), system, "--gpu-id", str(gpu_id)]
    command = [sys.executable, __file__, "alone", *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


@app.command("alone", hidden=True)
def measure_alone(
    pipeline: Path,
    encoder: Path,
    corpus: Path,
    system: str,
    gpu_id: Gpu = -1,
) -> None:
    texts = text_sets(corpus / "dev.spacy", 2_000)["docs"]
    started = time.perf_counter()
    if system == "spacy":
        dev = corpus / "dev.spacy"
        tag = spacy_tag(untrained(STOCK, dev, dev, encoder, gpu_id))
    elif system == "hf":
        tag = huggingface(None, encoder, gpu_id)
    else:
        int8 = {"components.transformer.model.int8": True} if "int8" in system else {}
        tag = spacy_tag(load(pipeline, gpu_id, **int8))
    loaded = time.perf_counter() - started
    tag(texts)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    on_gpu = torch.cuda.max_memory_allocated() if gpu_id >= 0 else 0
    print(json.dumps({"load_seconds": loaded, "memory": peak, "gpu_memory": on_gpu}))


@app.command()
def scale(
    pipeline: Annotated[Path, typer.Argument(help="Pipeline to tag with")],
    corpus: CorpusFolder = Path("corpus"),
    gpu_id: Gpu = -1,
    documents: Annotated[int, typer.Option(min=10, help="Most documents at once")] = SCALE[-1],
    output: Folder = Path("metrics/speed"),
) -> None:
    """Tag ten documents, a hundred and so on in one stream each; words a second, and memory after it."""
    nlp = load(pipeline, gpu_id)
    texts = sentences(corpus / "train.spacy")
    list(nlp.pipe(texts[:500]))
    rows = []
    for n in SCALE:
        if n > documents:
            break
        started, words = time.perf_counter(), 0
        for doc in nlp.pipe(numbered(texts, n)):
            words += len(doc.text.split())
        seconds = time.perf_counter() - started
        rows.append(
            {
                "documents": n,
                "words": words,
                "words_per_second": words / seconds,
                "memory": memory(),
                "gpu_memory": torch.cuda.max_memory_allocated() if gpu_id >= 0 else 0,
            }
        )
        msg.info(f"{n:,} documents: {words / seconds:,.0f} words/s, {memory() / MEGABYTE:,.0f} MB")
    output.mkdir(parents=True, exist_ok=True)
    srsly.write_json(output / "scale.json", rows)


def numbered(texts: list[str], n: int) -> Iterator[str]:
    """n texts, numbered up to ten thousand, so that one comes again only after a long while."""
    return (f"{text} ({i % 10_000})" for i, text in enumerate(islice(cycle(texts), n)))


def memory() -> int:
    """Bytes that this process has in memory now."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    return 0


@app.command()
def report(output: Folder = Path("metrics/speed")) -> None:
    """Print the figures that there are, and draw them."""
    path = output / "speed.json"
    if not path.exists():
        msg.fail(f"no figures in {path}; `run` makes them", exits=1)
    figures = srsly.read_json(path)
    print(f"{figures['machine']}, medians of {figures['rounds']} rounds")
    msg.divider("words a second")
    kinds = figures["throughput"]
    systems = [s for s in SYSTEMS if s in next(iter(kinds.values()))["words_per_second"]]
    table(
        ["", *kinds],
        [
            (s, *(f"{np.median(kinds[k]['words_per_second'][s]):,.0f}" for k in kinds))
            for s in systems
        ],
    )
    msg.divider("ours is so many times as fast as")
    table(
        ["", *kinds],
        [
            (s, *(f"{ratio(kinds[k]['words_per_second'], OURS, s):.2f}" for k in kinds))
            for s in systems
            if s != OURS
        ],
    )
    msg.divider("one short text, milliseconds")
    single = figures["latency"]
    table(
        ["", "p50", "p99", "times forward"],
        [
            (
                s,
                f"{1000 * np.percentile(single[s], 50):.1f}",
                f"{1000 * np.percentile(single[s], 99):.1f}",
                f"{np.median(np.divide(single[s], single[FORWARD])):.2f}",
            )
            for s in single
        ],
    )
    msg.divider("fast modes on the test split")
    table(
        ["", "F1", "documents as fp32"],
        [
            (name, f"{found['f1']:.2f}", f"{found['same']:.2%}")
            for name, found in figures["fast_modes"].items()
        ],
    )
    msg.divider("training, words a second")
    trained = figures["training"]
    table(
        ["", "words/s", "times spacy"],
        [
            (s, f"{np.median(trained[s]):,.0f}", f"{ratio(trained, s, 'spacy'):.2f}")
            for s in trained
        ],
    )
    msg.divider("loading and memory")
    table(
        ["", "seconds", "peak MB", "peak MB on GPU"],
        [
            (
                s,
                f"{r['load_seconds']:.1f}",
                f"{r['memory'] / MEGABYTE:,.0f}",
                f"{r['gpu_memory'] / MEGABYTE:,.0f}",
            )
            for s, r in figures["resources"].items()
        ],
    )
    chart(kinds, systems, output)


def ratio(figures: dict[str, list[float]], one: str, other: str) -> float:
    """Median over the rounds of how many times as fast one system is."""
    return float(np.median(np.divide(figures[one], figures[other])))


def table(header: list[str], rows: list[tuple]) -> None:
    msg.table(rows, header=header, aligns=("l", *"r" * (len(header) - 1)), divider=True)


def chart(kinds: dict[str, Any], systems: list[str], output: Path) -> None:
    """Words a second on a logarithmic scale; beside it the curve of `scale`, if there is one."""
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    scaled = output / "scale.json"
    figure, axes = plt.subplots(
        1,
        1 + scaled.exists(),
        figsize=(6 + 5 * scaled.exists(), 4),
        layout="constrained",
        squeeze=False,
    )
    bars = axes[0][0]
    width = 0.8 / len(systems)
    for i, system in enumerate(systems):
        heights = [np.median(kinds[k]["words_per_second"][system]) for k in kinds]
        shifted = [x + (i - (len(systems) - 1) / 2) * width for x in range(len(kinds))]
        bars.bar(shifted, heights, width, label=system)
    bars.set_xticks(range(len(kinds)), list(kinds))
    bars.set(yscale="log", ylabel="words a second")
    bars.legend(ncols=2, fontsize=7)
    if scaled.exists():
        rows = srsly.read_json(scaled)
        curve = axes[0][1]
        documents = [row["documents"] for row in rows]
        curve.plot(documents, [row["words_per_second"] for row in rows], "o-")
        curve.set(xscale="log", xlabel="documents", ylabel="words a second", ylim=(0, None))
        right = curve.twinx()
        right.plot(documents, [row["memory"] / MEGABYTE for row in rows], "s--", color="tab:red")
        right.set(ylabel="memory, MB (dashed)", ylim=(0, None))
    figure.savefig(output / "speed.svg")
    plt.close(figure)


if __name__ == "__main__":
    app()
