"""What a conversion did, in figures."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from .findings import Findings


@dataclass
class Summary:
    """What a conversion did with the documents and their spans.

    spans: of the documents converted, after renaming and choosing labels.
    rejected: spans among the rejects, by reason; documents_with_rejects: documents they are in.
    removed: spans that corrections removed; dropped: spans left out by label, by label.
    snapped: spans that became whole tokens by the policy.
    written: documents and entities of each file.
    findings: what readers and alignment noticed.
    """

    documents: int = 0
    spans: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    documents_with_rejects: int = 0
    removed: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    snapped: int = 0
    written: dict[str, tuple[int, int]] = field(default_factory=dict)
    formats: dict[str, str] = field(default_factory=dict)
    left_alone: list[str] = field(default_factory=list)
    unseen_labels: list[str] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)
    rejects_file: str = ""

    @property
    def loss(self) -> float:
        """Rejected spans in percent of all."""
        return 100 * self.rejected.total() / self.spans if self.spans else 0.0

    @property
    def document_loss(self) -> float:
        """Documents with a rejected span in percent of all."""
        return 100 * self.documents_with_rejects / self.documents if self.documents else 0.0

    def to_json(self) -> dict[str, Any]:
        return {
            "documents": self.documents,
            "spans": self.spans,
            "rejected": dict(self.rejected),
            "rejected_percent": self.loss,
            "documents_with_rejects_percent": self.document_loss,
            "removed": self.removed,
            "dropped": dict(self.dropped),
            "snapped": self.snapped,
            "written": {
                name: {"documents": documents, "entities": entities}
                for name, (documents, entities) in self.written.items()
            },
            "formats": self.formats,
            "left_alone": self.left_alone,
            "findings": self.findings.to_json(),
        }
