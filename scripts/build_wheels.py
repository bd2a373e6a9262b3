"""Build the wheels of a trained pipeline and of the component package it needs.

usage: build_wheels.py PIPELINE FOLDER --name NAME --version VERSION

`spacy package` makes the package's sources; pip builds the wheels with the setuptools that is
installed, so that nothing is downloaded.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from spacy.cli.package import package

ROOT = Path(__file__).resolve().parent.parent


def build_wheel(source: Path, folder: Path) -> Path:
    """Build one wheel and put it into `folder`. Returns its path there."""
    with tempfile.TemporaryDirectory() as scratch:
        # A copy, because setuptools leaves build folders beside the sources.
        copy = Path(scratch) / "source"
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns(*NOT_PACKAGED))
        out = Path(scratch) / "wheels"
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
        command += ["--no-build-isolation", "--wheel-dir", str(out), str(copy)]
        subprocess.run(command, check=True)
        (wheel,) = out.glob("*.whl")
        return Path(shutil.copy(wheel, folder / wheel.name))


NOT_PACKAGED = (
    "training", "corpus", "encoders", "packages", "metrics", "assets", "tests", "build",
    "*.egg-info", ".git", ".venv", "venv", "__pycache__",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pipeline", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--name", required=True)
    parser.add_argument("--version", required=True)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        package(
            args.pipeline, Path(scratch), name=args.name, version=args.version,
            create_sdist=False, create_wheel=False, silent=True,
        )  # fmt: skip
        (sources,) = Path(scratch).iterdir()
        wheels = [build_wheel(sources, args.folder), build_wheel(ROOT, args.folder)]
    for wheel in wheels:
        print(f"✔ {wheel} ({wheel.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
