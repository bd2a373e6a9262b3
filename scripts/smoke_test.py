"""Install a pipeline's wheel into an empty folder, load it in a fresh process, and tag a text.

usage: smoke_test.py WHEEL [--output FILE.json]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

TEXT = "Angela Merkel met Airbus managers in Toulouse on Monday."

PROGRAM = """
import json, sys, spacy
nlp = spacy.load(sys.argv[1])
doc = nlp(sys.argv[2])
ents = [[ent.text, ent.label_] for ent in doc.ents]
print(json.dumps({"name": nlp.meta["name"], "version": nlp.meta["version"], "entities": ents}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    package = args.wheel.name.split("-")[0]
    with tempfile.TemporaryDirectory() as site:
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
        subprocess.run([*install, "--target", site, str(args.wheel)], check=True)
        environment = {**os.environ, "PYTHONPATH": site}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, package, TEXT],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode:
        sys.exit(f"✘ {args.wheel}: the installed pipeline does not run.\n{done.stderr}")
    result = json.loads(done.stdout.splitlines()[-1])
    print(f"✔ {package} {result['version']} installs, loads and runs: {TEXT}")
    for text, label in result["entities"]:
        print(f"  {text}  {label}")
    if args.output is not None:
        args.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
