"""Fail early, and with a way out, when a GPU is asked for that cannot be used.

usage: check_gpu.py GPU_ID
"""

from __future__ import annotations

import sys

import torch
from thinc.compat import has_cupy, has_cupy_gpu


def trouble(gpu_id: int) -> str | None:
    """What stands in the way of training on that GPU, and what to do; None if nothing does."""
    if gpu_id < 0:
        return None
    on_cpu = "Use --vars.gpu_id -1 to train on the CPU"
    if not torch.cuda.is_available():
        return (
            f"gpu_id {gpu_id}: torch {torch.__version__} sees no GPU. Check 'nvidia-smi' and install "
            f"a torch build for its CUDA version. {on_cpu}."
        )
    if gpu_id >= torch.cuda.device_count():
        return f"gpu_id {gpu_id}: there are only {torch.cuda.device_count()} GPUs, counted from 0. {on_cpu}."
    if not (has_cupy and has_cupy_gpu):
        return (
            f"gpu_id {gpu_id}: spaCy needs cupy for the GPU. Run python -m pip install "
            f'-c constraints.txt -e ".[cuda12]". {on_cpu}.'
        )
    return None


if __name__ == "__main__":
    found = trouble(int(sys.argv[1]))
    if found is not None:
        sys.exit(f"✘ {found}")
