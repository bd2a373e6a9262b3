"""The page of an inspection in a browser, where there is one."""

import html
import re
import shutil
import subprocess

import pytest
import spacy
from spacy.tokens import Span

from spacy_bert_ner.data import page
from spacy_bert_ner.data.inspection import inspect

NLP = spacy.blank("en")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
LABEL = "A_LABEL_THAT_IS_FAR_TOO_LONG_FOR_A_TELEPHONE"
# A frame as wide as a telephone; what is measured in it becomes the title.
FRAME = """<!DOCTYPE html><title></title><iframe style="width: 390px; border: 0" srcdoc="{page}">
</iframe><script>onload = () => {{ const d = frames[0].document;
d.querySelectorAll("details").forEach(e => e.open = true);
const counts = [...d.querySelectorAll("[aria-labelledby=labels] tbody td:nth-child(2)")];
document.title = [d.documentElement.scrollWidth, d.querySelectorAll("script").length,
  Math.max(...counts.map(e => Math.ceil(e.getBoundingClientRect().right)))].join(" "); }}</script>"""


@pytest.mark.skipif(BROWSER is None, reason="no Chromium")
def test_fits_a_telephone_and_runs_nothing_from_the_data(tmp_path):
    doc = NLP("<script>document.title='run'</script> and Oulu")
    doc.ents = [Span(doc, 0, len(doc) - 2, "ORG"), Span(doc, len(doc) - 1, len(doc), LABEL)]
    rendered = page.render(inspect({"train": [doc], "dev": [doc]}), "Corpus")
    file = tmp_path / "frame.html"
    file.write_text(FRAME.format(page=html.escape(rendered)), encoding="utf-8")
    dom = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'p'}",
         "--dump-dom", file.as_uri()],
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    measured = re.search(r"<title>(\d+) (\d+) (\d+)</title>", dom)
    assert measured is not None
    width, scripts, counts_end = map(int, measured.groups())
    assert width <= 390
    assert scripts == 0
    # The counts of the first split are seen without scrolling.
    assert counts_end <= 390
