"""What was fitted for a model is whole, or counts as none."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from hazard.triage.authority import Subject
from hazard.triage.calibration import Calibration
from hazard.types import Severity
from tests.incidents import START

SUBJECT = Subject(backend="scripted", files={}, quantization="none", prompt_hash="1")
ONES = dict.fromkeys(Severity, 1.0)


@pytest.mark.parametrize(
    "broken", [{}, {Severity.HIGH: 1.0}, {**ONES, Severity.LOW: float("nan")}], ids=str
)
@pytest.mark.parametrize("name", ["scale", "offset"])
def test_a_calibration_without_a_number_for_every_label_is_refused_when_read(
    name: str, broken: dict[Severity, float]
) -> None:
    fields = {"scale": ONES, "offset": ONES, name: broken}
    with pytest.raises(ValidationError, match="one finite number for each"):
        Calibration(
            subject=SUBJECT,
            least_probability=0.1,
            incidents=1,
            data_hash="1",
            fitted_at=START,
            **fields,
        )
