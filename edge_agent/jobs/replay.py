"""The job `replay_decision`: whether an assessment comes out again today, and if not, what differs.

It runs beside an agent that must decide in time. What it needs of the processor it takes at the
highest niceness; the memory of an accelerator it cannot share, and so it does not ask for it.
"""

from __future__ import annotations

from edge_agent.jobs.registry import JobResult, JobRun
from edge_agent.replaying import judge_again
from hazard.errors import HazardError
from hazard.types import Assessment


def run(run: JobRun) -> JobResult:
    """The outcome as `hazard.triage.replay.Replay`.

    Raises:
        HazardError: if there is no such assessment, or its model is not to be loaded a second time.
    """
    assessment_id = str(run.job.arguments.get("assessment_id", ""))
    stored = run.store.queries.assessment(assessment_id)
    if stored is None:
        raise HazardError(f"assessment {assessment_id} is not kept any more: replay a newer one")
    _refuse_accelerator(stored)
    asks = stored.opinion is not None
    run.tell(0.1, "the model is loaded and asked" if asks else "the policy is asked")
    found = judge_again(stored, run.site, run.paths.models_dir)
    return JobResult(found.model_dump(mode="json"))


def _refuse_accelerator(stored: Assessment) -> None:
    """A second copy of the weights would take the memory that the reasoning process decides with.

    Raises:
        HazardError: if the model had answered on an accelerator.
    """
    device = str(stored.opinion.provenance.get("device", "cpu")) if stored.opinion else "cpu"
    if device.split(":")[0] != "cpu":
        raise HazardError(
            f"the model had answered on {device[:40]}, whose memory the reasoning process needs: "
            f"stop the agent and run `hazard replay {stored.assessment_id}`, or run it on another "
            "box with a copy of the database"
        )
