"""From a model's probabilities to calibrated ones: Platt scaling (Platt, 1999) that knows lengths.

Of the log odds of a probability, divided by a temperature and moved by a bias. A bias of zero leaves
temperature scaling (Guo et al., 2017); entity recognizers are also too sure on the whole, which a
temperature cannot mend, since it leaves one half where it is. And they are the more so the longer an
entity is, as each of its tokens may be wrong: hence a term for its length.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Log odds of zero and one are infinite.
_SMALLEST = 1e-12


@dataclass(frozen=True)
class Scaling:
    """How probabilities of spans become confidences; as it stands, they are the same.

    temperature: what log odds are divided by. bias: what is added then. length_bias: what is added
    for each unit of the natural logarithm of a span's number of tokens.
    """

    temperature: float = 1.0
    bias: float = 0.0
    length_bias: float = 0.0

    def confidences(
        self, probabilities: NDArray[np.float64], tokens: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """The calibrated probabilities of spans; tokens: how many each has, of a shape that fits."""
        offset = self.bias + self.length_bias * np.log(tokens)
        return _sigmoid(log_odds(probabilities) / self.temperature + offset)

    def least_probability(self, threshold: float, longest: int) -> float:
        """What a span of at most so many tokens must have at least for that confidence."""
        offset = self.bias + max(0.0, self.length_bias * np.log(longest))
        return float(_sigmoid((log_odds(threshold) - offset) * self.temperature))


def log_odds(probability: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Finite for 0 and 1 as well."""
    p = np.clip(probability, _SMALLEST, 1 - _SMALLEST)
    return np.log(p) - np.log1p(-p)


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(1 / (1 + np.exp(-x)), _SMALLEST, 1 - _SMALLEST)
