"""Plugins in Python that change jobs before they are stored; see
flux.job.frobnicator.frobnicator."""
from flux.job.frobnicator.frobnicator import FrobnicatorPlugin, JobFrobnicator

__all__ = ["FrobnicatorPlugin", "JobFrobnicator"]
