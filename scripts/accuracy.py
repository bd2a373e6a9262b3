"""Accuracy beside the peers: the same files, encoder and number of epochs, several seeds.

usage: accuracy.py run DATA --encoder FOLDER [--corpus wnut17 ...] [--system ours ...] [--seed 0 ...]
       accuracy.py report

DATA has wnut17/{train,dev,test}.conll, wikigold/wikigold.conll (divided once, by document, with
seed 0), btc/{a,b,e,f,g,h}.conll (f is dev, h test) and crossner/DOMAIN/{train,dev,test}.conll; what
is missing is left out. Every run is a process of its own and leaves a JSON file under
metrics/accuracy/runs; a run whose file is there is not repeated, so an interrupted benchmark goes
on. `report` prints the table and writes accuracy.json and accuracy.svg beside the runs.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import matplotlib
import numpy as np
import srsly
import typer
from peers.common import Task, counts_by_document, f1
from peers.export import export
from wasabi import msg

from spacy_bert_ner.calibration import calibration_error, scatter

CROSSNER = ("ai", "literature", "music", "politics", "science")
# CrossNER's training splits have one or two hundred sentences.
EPOCHS = {"wnut17": 5, "wikigold": 5, "btc": 5, **dict.fromkeys(CROSSNER, 20)}
BTC_SPLITS = {"a": "train", "b": "train", "e": "train", "g": "train", "f": "dev", "h": "test"}
OURS = "ours"
SYSTEMS = {
    OURS: "spacy_train.py",
    "spacy": "spacy_train.py",
    "hf": "token_classification.py",
    "hf-tuned": "token_classification.py",
    "spanmarker": "spanmarker.py",
}
PEERS = Path(__file__).parent / "peers"
RESAMPLES = 10_000
SURE = 0.9

app = typer.Typer(help=__doc__, no_args_is_help=True)
Folder = Annotated[Path, typer.Option(help="Folder for DocBins, runs, logs and the report")]


@app.command()
def run(
    data: Annotated[Path, typer.Argument(help="Folder with the corpora as published")],
    encoder: Annotated[Path, typer.Option(help="Folder of the pretrained encoder")],
    corpus: Annotated[list[str], typer.Option(help="Corpora to run")] = tuple(EPOCHS),
    system: Annotated[list[str], typer.Option(help="Systems to run")] = tuple(SYSTEMS),
    seed: Annotated[list[int], typer.Option(help="Seeds to run")] = (0, 1, 2),
    output: Folder = Path("metrics/accuracy"),
    gpu_id: Annotated[int, typer.Option(help="GPU to train on, -1 for the CPU")] = -1,
) -> None:
    """Train every system on every corpus with every seed."""
    failed = []
    for chosen_seed in seed:
        for name in corpus:
            if not (output / "data" / name).exists() and not convert(data, name, output / "data"):
                msg.warn(f"{name}: not in {data}")
                continue
            for chosen in system:
                task = Task(
                    system=chosen,
                    corpus=name,
                    data=output / "data" / name,
                    encoder=encoder,
                    epochs=EPOCHS[name],
                    seed=chosen_seed,
                    gpu_id=gpu_id,
                    result=output / "runs" / name / f"{chosen}-{chosen_seed}.json",
                )
                if not task.result.exists() and not train(task, output):
                    failed.append(task)
    if failed:
        msg.fail(f"{len(failed)} runs failed; their logs are in {output / 'logs'}", exits=1)


def convert(data: Path, name: str, target: Path) -> bool:
    """Write a corpus' three DocBins with the package's converter. False if the files are not there."""
    source = data / "crossner" / name if name in CROSSNER else data / name
    if not source.exists():
        return False
    with tempfile.TemporaryDirectory() as scratch:
        if name == "btc":
            for part, split in BTC_SPLITS.items():
                folder = Path(scratch) / split
                folder.mkdir(exist_ok=True)
                (folder / f"{part}.conll").symlink_to((source / f"{part}.conll").resolve())
            source = Path(scratch)
        command = ["spacy", "bert-ner", "convert", source, target / name]
        subprocess.run([sys.executable, "-m", *map(str, command)], check=True)
    export(target / name)
    return True


def train(task: Task, output: Path) -> bool:
    """Run one system once. Its output goes to a log file."""
    log = output / "logs" / f"{task.corpus}-{task.system}-{task.seed}.log"
    for folder in (log.parent, task.result.parent):
        folder.mkdir(parents=True, exist_ok=True)
    msg.info(f"{task.corpus}: {task.system}, seed {task.seed}")
    python = sys.executable
    if task.system == "spanmarker":
        python = str(span_marker_python(output / "envs"))
    with log.open("w") as stream:
        subprocess.run(
            [python, str(PEERS / SYSTEMS[task.system]), task.to_json()],
            stdout=stream,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if not task.result.exists():
        msg.fail(f"failed: {log}")
        return False
    found = srsly.read_json(task.result)
    msg.good(f"{task.corpus}: {task.system}, seed {task.seed}: test F1 {found['test']['f']:.2f}")
    return True


def span_marker_python(folder: Path) -> Path:
    """The interpreter of an environment with SpanMarker, made if need be: its pins are not ours."""
    python = folder / "spanmarker" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder / "spanmarker"], check=True)
        requirements = PEERS / "spanmarker.txt"
        for line in requirements.read_text().splitlines():
            subprocess.run([python, "-m", "pip", "install", "--quiet", *line.split()], check=True)
    return python


@app.command()
def report(output: Folder = Path("metrics/accuracy")) -> None:
    """Print the table of the runs there are, and write it as JSON and as a chart."""
    runs = list(load(output / "runs"))
    if not runs:
        msg.fail(f"no runs in {output / 'runs'}", exits=1)
    rows = [
        summarize(runs, corpus) for corpus in EPOCHS if any(r["corpus"] == corpus for r in runs)
    ]
    systems = [s for s in SYSTEMS if any(s in row["systems"] for row in rows)]
    print_table(rows, systems)
    print_calibration(rows)
    srsly.write_json(output / "accuracy.json", rows)
    chart(rows, systems, output / "accuracy.svg")


def load(folder: Path) -> Iterator[dict]:
    for path in sorted(folder.rglob("*.json")):
        yield srsly.read_json(path)


def summarize(runs: list[dict], corpus: str) -> dict:
    """Mean and deviation of each system on a corpus, and ours against the best of the peers."""
    here = [r for r in runs if r["corpus"] == corpus]
    systems = {}
    for name in SYSTEMS:
        of_system = [r for r in here if r["system"] == name]
        if of_system:
            scores = [r["test"]["f"] for r in of_system]
            systems[name] = {
                "seeds": [r["seed"] for r in of_system],
                "test": float(np.mean(scores)),
                "std": float(np.std(scores, ddof=1)) if len(scores) > 1 else None,
                "dev": float(np.mean([r["dev"]["f"] for r in of_system])),
                "words_per_second": float(np.median([r["words_per_second"] for r in of_system])),
            }
    row = {"corpus": corpus, "epochs": EPOCHS[corpus], "systems": systems}
    with_confidence = [r for r in here if r.get("confidences") is not None]
    if with_confidence:
        row["calibration"] = calibration(with_confidence)
    peers = {name: figures["test"] for name, figures in systems.items() if name != OURS}
    if OURS in systems and peers:
        best = max(peers, key=lambda name: peers[name])
        row["best_peer"] = best
        row["against_best"] = bootstrap(
            pooled(here, OURS, systems[best]["seeds"]), pooled(here, best, systems[OURS]["seeds"])
        )
    return row


def calibration(runs: list[dict]) -> dict:
    """How far the confidences of entities found on test can be believed, over all seeds.

    `error` is the mean of the seeds' expected calibration errors, `floor` what it would be on average
    if each confidence were the probability of being right, for so few entities scatter. `kept` and
    `right` are the shares of entities above SURE, and of right ones among them.
    """
    errors, floors, kept, right_of_kept, total = [], [], 0, 0, 0
    for run in runs:
        found = [
            (confidence, ent in gold)
            for ents, gold, of_document in zip(run["predicted"], run["gold"], run["confidences"])
            for ent, confidence in zip(ents, of_document)
        ]
        scores = np.array([confidence for confidence, _ in found])
        right = np.array([is_right for _, is_right in found], dtype=bool)
        errors.append(calibration_error(scores, right))
        floors.append(scatter(scores))
        kept += int((scores >= SURE).sum())
        right_of_kept += int(right[scores >= SURE].sum())
        total += len(scores)
    return {
        "error": float(np.mean(errors)),
        "floor": float(np.mean(floors)),
        "kept": kept / max(1, total),
        "right": right_of_kept / max(1, kept),
    }


def pooled(runs: list[dict], system: str, seeds: list[int]) -> np.ndarray:
    """(documents, 3) agreed, predicted and gold entities, summed over the seeds that both have."""
    mine = [r for r in runs if r["system"] == system and r["seed"] in seeds]
    return sum(counts_by_document(r["predicted"], r["gold"]) for r in mine)


def bootstrap(ours: np.ndarray, peer: np.ndarray, samples: int = RESAMPLES) -> dict:
    """Paired bootstrap over documents (Berg-Kirkpatrick et al., 2012).

    ours, peer: (documents, 3) agreed, predicted and gold entities. Returns the difference of F1 in
    points, its 95 % interval, and p, the share of resamples in which it is twice as large or more.
    """
    rng = np.random.default_rng(0)
    difference = float(f1(ours.sum(axis=0)) - f1(peer.sum(axis=0)))
    # How often each document is drawn tells as much as which ones, and makes the sum a product.
    weights = rng.multinomial(len(ours), np.full(len(ours), 1 / len(ours)), size=samples)
    drawn = f1(weights @ ours) - f1(weights @ peer)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return {
        "difference": difference,
        "low": float(low),
        "high": float(high),
        "p": float((drawn >= 2 * difference).mean() if difference > 0 else 1.0),
    }


def print_table(rows: list[dict], systems: list[str]) -> None:
    def cell(row: dict, system: str) -> str:
        figures = row["systems"].get(system)
        if figures is None:
            return "-"
        std = "" if figures["std"] is None else f" ±{figures['std']:.1f}"
        return f"{figures['test']:.1f}{std}"

    table = []
    for row in rows:
        versus = row.get("against_best")
        table.append(
            (
                row["corpus"],
                *(cell(row, system) for system in systems),
                row.get("best_peer", "-"),
                "-" if versus is None else f"{versus['difference']:+.1f}",
                "-" if versus is None else f"{versus['low']:+.1f} to {versus['high']:+.1f}",
                "-" if versus is None else f"{versus['p']:.3f}",
            )
        )
    everywhere = [row for row in rows if all(s in row["systems"] for s in systems)]
    if everywhere:
        means = [np.mean([row["systems"][s]["test"] for row in everywhere]) for s in systems]
        lead = np.mean([row["against_best"]["difference"] for row in everywhere])
        name = f"mean of {len(everywhere)}"
        table.append((name, *(f"{m:.1f}" for m in means), "", f"{lead:+.1f}", "", ""))
    speeds = [
        np.median([r["systems"][s]["words_per_second"] for r in rows if s in r["systems"]])
        for s in systems
    ]
    table.append(("words/s trained", *(f"{v:,.0f}" for v in speeds), "", "", "", ""))
    header = ("corpus", *systems, "best peer", "ahead", "95 % interval", "p")
    msg.table(
        table, header=header, aligns=("l", *"r" * len(systems), "l", "r", "r", "r"), divider=True
    )


def print_calibration(rows: list[dict]) -> None:
    table = [
        (
            row["corpus"],
            f"{c['error']:.3f}",
            f"{c['floor']:.3f}",
            f"{c['kept']:.0%}",
            f"{c['right']:.1%}",
        )
        for row in rows
        if (c := row.get("calibration"))
    ]
    if table:
        header = (
            "corpus",
            "calibration error",
            "of perfect ones",
            f"kept at {SURE}",
            "of these right",
        )
        msg.table(table, header=header, aligns=("l", "r", "r", "r", "r"), divider=True)


def chart(rows: list[dict], systems: list[str], path: Path) -> None:
    """Grouped bars of test F1, with standard deviations."""
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(10, 4), layout="constrained")
    width = 0.8 / len(systems)
    for i, system in enumerate(systems):
        present = [
            (x, row["systems"][system]) for x, row in enumerate(rows) if system in row["systems"]
        ]
        axes.bar(
            [x + (i - (len(systems) - 1) / 2) * width for x, _ in present],
            [figures["test"] for _, figures in present],
            width,
            yerr=[figures["std"] or 0 for _, figures in present],
            label=system,
            capsize=2,
        )
    axes.set_xticks(range(len(rows)), [row["corpus"] for row in rows])
    axes.set_ylabel("test F1")
    axes.legend(ncols=len(systems))
    figure.savefig(path)
    plt.close(figure)


if __name__ == "__main__":
    app()
