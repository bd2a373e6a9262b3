"""What a check of a corpus is."""

from __future__ import annotations

from dataclasses import dataclass

from spacy.tokens import Doc

from ..findings import Findings
from ..records import Place


@dataclass(frozen=True)
class Seen:
    """A Doc in its corpus: the name of its split, and where it is from."""

    split: str
    doc: Doc
    place: Place


class Check:
    """Looks at every Doc, in two rounds of which the second may use what the first found out.

    name: the check of its findings. title: what it looks for. advice: what to do about it.
    """

    name: str
    title: str
    advice: str

    def see(self, seen: Seen) -> None:
        """First round."""

    def see_again(self, seen: Seen, findings: Findings) -> None:
        """Second round, with findings on this Doc."""

    def conclude(self, findings: Findings) -> None:
        """Findings on the whole."""
