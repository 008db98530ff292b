"""Validators of jobs in Python; see flux.job.validator.validator."""
from flux.job.validator.validator import (
    JobValidator,
    ValidatorJobInfo,
    ValidatorPlugin,
    ValidatorResult,
)

__all__ = ["JobValidator", "ValidatorJobInfo", "ValidatorPlugin", "ValidatorResult"]
