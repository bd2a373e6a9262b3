"""Mention replacement (Dai and Adel, 2020): entities trade places with others of their label."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator

from spacy.tokens import Doc, Span
from spacy.training import Example

Batcher = Callable[[Iterable[Example]], Iterable[list[Example]]]
# Words of a mention, and whether a space follows each but the last.
Mention = tuple[tuple[str, ...], tuple[bool, ...]]

# A Doc with any of these has annotation that would be lost.
_OTHER_ANNOTATION = ("TAG", "POS", "MORPH", "LEMMA", "DEP")


def swap_entities_v1(share: float, batcher: Batcher) -> Batcher:
    """`spacy-bert-ner.swap_entities.v1`: a batcher that changes entities anew in each epoch.

    The model sees more names in more surroundings than were annotated, and relies less on names it
    knows. Left as they are: Docs annotated for other components too, and those that the tokenizer
    cuts otherwise than their annotation.

    share: of the entities, each of which is replaced by a random one of the same label from the
        training data; 0 for none.
    batcher: makes batches of the changed examples.
    Raises ValueError if share is no number from 0 to 1.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share must be a number from 0 to 1, got {share!r}.")

    def batches(examples: Iterable[Example]) -> Iterable[list[Example]]:
        return batcher(swapped(examples, share) if share else examples)

    return batches


def swapped(examples: Iterable[Example], share: float) -> Iterator[Example]:
    """The examples with that share of their entities replaced.

    Of a stream, which cannot be looked through beforehand, the mentions seen so far are used.
    """
    mentions: dict[str, list[Mention]] = {}
    whole = isinstance(examples, list)
    if whole:
        for example in examples:
            _collect(example, mentions)
        # The same choice for the same random numbers, in whatever order the examples come.
        for of_label in mentions.values():
            of_label.sort()
    for example in examples:
        if not whole:
            _collect(example, mentions)
        yield _swap(example, mentions, share) if _can_swap(example) else example


def _collect(example: Example, mentions: dict[str, list[Mention]]) -> None:
    for ent in example.reference.ents:
        words = tuple(token.text for token in ent)
        spaces = tuple(bool(token.whitespace_) for token in ent[:-1])
        mentions.setdefault(ent.label_, []).append((words, spaces))


def _can_swap(example: Example) -> bool:
    reference, predicted = example.reference, example.predicted
    return bool(
        reference.ents
        and not reference.spans
        and not any(reference.has_annotation(name) for name in _OTHER_ANNOTATION)
        and [token.text for token in reference] == [token.text for token in predicted]
    )


def _swap(example: Example, mentions: dict[str, list[Mention]], share: float) -> Example:
    old = example.reference
    words: list[str] = []
    spaces: list[bool] = []
    starts: list[bool | None] = []
    missing: list[int] = []
    ents: list[tuple[int, int, str]] = []

    def copy(start: int, end: int) -> None:
        for token in old[start:end]:
            if token.ent_iob == 0:
                missing.append(len(words))
            words.append(token.text)
            spaces.append(bool(token.whitespace_))
            starts.append(token.is_sent_start)

    done = 0
    for ent in old.ents:
        copy(done, ent.start)
        begin = len(words)
        if random.random() < share:
            new_words, new_spaces = random.choice(mentions[ent.label_])
            words.extend(new_words)
            spaces.extend((*new_spaces, bool(ent[-1].whitespace_)))
            starts.extend((ent[0].is_sent_start, *[False] * (len(new_words) - 1)))
        else:
            copy(ent.start, ent.end)
        ents.append((begin, len(words), ent.label_))
        done = ent.end
    copy(done, len(old))

    def doc() -> Doc:
        return Doc(old.vocab, words=words, spaces=None if old.has_unknown_spaces else spaces)

    reference = doc()
    if old.has_annotation("SENT_START"):
        for token, starts_sentence in zip(reference, starts):
            token.is_sent_start = starts_sentence
    reference.set_ents(
        [Span(reference, start, end, label=label) for start, end, label in ents],
        missing=[reference[i : i + 1] for i in missing],
        default="outside",
    )
    return Example(doc(), reference)
