"""Tag schemes: how entity spans are written as one tag a token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

OUTSIDE = "O"
_PREFIXES = {"biluo": "BILU", "iob": "BI"}
# A tag can follow where the entity it continues, or the lack of one, leaves off.
_OPENS = {"biluo": {"B", "I"}, "iob": {"B", "I"}}
_CLOSES = {"biluo": {"L", "U", OUTSIDE}, "iob": {"B", "I", OUTSIDE}}
_CONTINUES = {"I", "L"}

MISSING = -1


@dataclass(frozen=True)
class SpanColumns:
    """(labels,) each – numbers of the tags that entities of each label are made of."""

    first: NDArray[np.int64]
    middle: NDArray[np.int64]
    last: NDArray[np.int64]
    only: NDArray[np.int64]


class TagScheme:
    """The tags of a set of labels, numbered; O is 0, then each label's prefixes in turn.

    labels: entity labels. Their order is that of the rows of the classifier.
    name: "biluo" (Ratinov and Roth, 2009) or "iob", which is IOB2 (Tjong Kim Sang and Veenstra,
        1999).
    """

    def __init__(self, labels: Sequence[str], name: str) -> None:
        if name not in _PREFIXES:
            raise ValueError(f"Unknown tag scheme {name!r}. Use one of: {', '.join(_PREFIXES)}.")
        self.name = name
        self.labels = tuple(labels)

    @cached_property
    def tags(self) -> tuple[str, ...]:
        prefixes = _PREFIXES[self.name]
        return (OUTSIDE, *(f"{p}-{label}" for label in self.labels for p in prefixes))

    def __len__(self) -> int:
        return 1 + len(self.labels) * len(_PREFIXES[self.name])

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {tag: i for i, tag in enumerate(self.tags)}

    @cached_property
    def prefixes(self) -> NDArray[np.str_]:
        """(tags,) – the letter of each tag."""
        return np.array([tag[0] for tag in self.tags])

    @cached_property
    def label_ids(self) -> NDArray[np.int64]:
        """(tags,) – index into `labels` of each tag, -1 for O."""
        per_label = np.repeat(np.arange(len(self.labels)), len(_PREFIXES[self.name]))
        return np.concatenate(([-1], per_label))

    @cached_property
    def starts(self) -> NDArray[np.bool_]:
        """(tags,) – may stand first."""
        return ~self.continues

    @cached_property
    def ends(self) -> NDArray[np.bool_]:
        """(tags,) – may stand last."""
        return np.isin(self.prefixes, list(_CLOSES[self.name]))

    @cached_property
    def opens(self) -> NDArray[np.bool_]:
        """(tags,) – may be followed by more of the same entity."""
        return np.isin(self.prefixes, list(_OPENS[self.name]))

    @cached_property
    def continues(self) -> NDArray[np.bool_]:
        """(tags,) – goes on with the entity of the token before."""
        return np.isin(self.prefixes, list(_CONTINUES))

    def tags_by_label(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        """(labels, n) – numbers of the chosen tags, those of one label in a row."""
        return np.flatnonzero(chosen).reshape(len(self.labels), -1)

    @cached_property
    def span_columns(self) -> SpanColumns:
        first = self.tags_by_label(self.prefixes == "B")[:, 0]
        middle = self.tags_by_label(self.prefixes == "I")[:, 0]
        if self.name == "iob":
            return SpanColumns(first, middle, last=middle, only=first)
        last = self.tags_by_label(self.prefixes == "L")[:, 0]
        return SpanColumns(first, middle, last, only=self.tags_by_label(self.prefixes == "U")[:, 0])

    @cached_property
    def follows(self) -> NDArray[np.bool_]:
        """(tags, tags) – [i, j] says whether tag j may follow tag i."""
        same = self.label_ids[:, None] == self.label_ids[None, :]
        return np.where(self.continues[None, :], self.opens[:, None] & same, self.ends[:, None])

    def encode(self, biluo: Sequence[str | None]) -> NDArray[np.int64]:
        """Numbers of spaCy's BILUO tags, as Example.get_aligned_ner gives them; None is MISSING.

        Raises ValueError for a label that is not of the scheme.
        """
        return np.fromiter((self._id(tag) for tag in biluo), dtype=np.int64, count=len(biluo))

    def _id(self, tag: str | None) -> int:
        if tag is None or tag == "-":
            return MISSING
        if self.name == "iob" and tag != OUTSIDE:
            tag = ("B" if tag[0] in "BU" else "I") + tag[1:]
        number = self._ids.get(tag)
        if number is None:
            raise ValueError(
                f"The label {tag[2:]!r} in the training data is none of this component's labels "
                f"({', '.join(self.labels)}). Add it before nlp.initialize(), or list it in the "
                "labels file under [initialize.components]."
            )
        return number

    def span_tags(self, length: int, label: str) -> list[int]:
        """Numbers of the tags of an entity of that many tokens."""
        if length == 1:
            return [self._id(f"U-{label}")]
        middle = [self._id(f"I-{label}")] * (length - 2)
        return [self._id(f"B-{label}"), *middle, self._id(f"L-{label}")]

    def spans(
        self, tags: NDArray[np.int64], lengths: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Entity spans of valid tag sequences, laid end to end.

        tags: (tokens,) numbers of all sequences; lengths: (sequences,) tokens of each.
        Returns starts, ends (half open, batch-wide token numbers) and indices into `labels`.
        """
        inside = self.label_ids[tags] >= 0
        continues = self.continues[tags]
        first = np.zeros(len(tags) + 1, dtype=bool)
        first[np.cumsum(lengths)] = True
        goes_on = np.append(continues[1:], False) & ~first[1:]
        starts = np.flatnonzero(inside & ~continues)
        ends = np.flatnonzero(inside & ~goes_on) + 1
        return starts, ends, self.label_ids[tags[starts]]
