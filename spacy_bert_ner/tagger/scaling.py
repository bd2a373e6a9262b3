"""From a model's probabilities to calibrated ones and back: Platt scaling (Platt, 1999).

Of the log odds of a probability, divided by a temperature and moved by a bias. A bias of zero leaves
temperature scaling (Guo et al., 2017); entity recognizers are also too sure on the whole, which a
temperature cannot mend, since it leaves one half where it is. Neither changes which of two entities
is the likelier.
"""

from __future__ import annotations

from typing import overload

import numpy as np
from numpy.typing import NDArray

# Log odds of zero and one are infinite.
_SMALLEST = 1e-12


@overload
def scaled(probability: float, temperature: float, bias: float) -> float: ...
@overload
def scaled(
    probability: NDArray[np.float64], temperature: float, bias: float
) -> NDArray[np.float64]: ...
def scaled(
    probability: float | NDArray[np.float64], temperature: float, bias: float
) -> float | NDArray[np.float64]:
    """The calibrated probability of one of the model's, or of many."""
    return _sigmoid(log_odds(probability) / temperature + bias)


def unscaled(probability: float, temperature: float, bias: float) -> float:
    """The probability that `scaled` makes this one of."""
    return float(_sigmoid((log_odds(probability) - bias) * temperature))


def log_odds(probability: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Finite for 0 and 1 as well."""
    p = np.clip(probability, _SMALLEST, 1 - _SMALLEST)
    return np.log(p) - np.log1p(-p)


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(1 / (1 + np.exp(-x)), _SMALLEST, 1 - _SMALLEST)
