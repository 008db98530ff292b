"""What Slurm says of the job that an instance runs in.

    seconds = flux.slurm.slurm_timeleft()
"""
from __future__ import annotations

import errno
import math
import os
import re
import subprocess
from typing import Optional, Union

# As squeue(1) writes it: [DAYS-][[HOURS:]MINUTES:]SECONDS.
_TIME = re.compile(r"(?:(\d+)-(?=\d+:\d+:))?(?:(\d+):(?=\d+:))?(?:(\d+):)?(\d+)", re.ASCII)


def parse_time(text: str) -> float:
    """Seconds of a time that squeue has written; inf if it is UNLIMITED. ValueError."""
    text = text.strip()
    if text == "UNLIMITED":
        return math.inf
    match = _TIME.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r}: no time of Slurm")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


def slurm_timeleft(jobid: Union[None, int, str] = None) -> float:
    """Seconds that a Slurm job has left, that of SLURM_JOB_ID if None; inf: without limit.

    OSError: there is no such job, or no squeue. ValueError: what squeue says is no time.
    """
    found: Optional[str] = os.environ.get("SLURM_JOB_ID") if jobid is None else str(jobid)
    if not found:
        raise OSError(errno.ENOENT, "SLURM_JOB_ID is not set")
    argv = ["squeue", "--noheader", f"--jobs={found}", "--format=%L"]
    done = subprocess.run(argv, capture_output=True, check=False, encoding="utf-8")
    text = done.stdout.strip()
    if done.returncode != 0 or not text:
        why = done.stderr.strip().partition("\n")[0] or f"there is no job {found}"
        raise OSError(errno.ENOENT, f"squeue: {why}")
    return parse_time(text)
