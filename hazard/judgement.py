"""What triage says of an incident: verdict, opinion, assessment, words."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, JsonValue

from hazard.base import Model, UtcTime
from hazard.findings import Incident
from hazard.scales import Authority, DecidedBy, Severity


class Verdict(Model):
    """What the deterministic policy says of an incident."""

    floor: Severity
    default: Severity
    why: str = Field(max_length=500, description="the row of the policy that set the floor")
    policy_hash: str

    def model_post_init(self, _context: Any, /) -> None:
        """Refuse a default under the floor."""
        if self.default < self.floor:
            raise ValueError(f"default {self.default} is under the floor {self.floor}")


class Opinion(Model):
    """A reasoning backend's answer about one incident, before authority is applied.

    `probabilities` are over the five severities and sum to 1. `provenance` holds enough to repeat
    it: backend, model file hashes, quantization, prompt hash, library versions, label logits,
    timings.
    """

    backend: str = Field(max_length=64)
    severity: Severity | None = Field(description="None: unsure")
    probabilities: dict[Severity, float]
    conformal_set: tuple[Severity, ...] = ()
    entropy_bits: float | None = Field(default=None, description="0 is sure, 2.32 knows nothing")
    authority_limit: Authority = Field(
        default=Authority.DECIDE, description="the most that this very answer may do"
    )
    note: str = Field(default="", max_length=300, description="why it is unsure, or is limited")
    answered_in_ms: float
    provenance: dict[str, JsonValue] = Field(default_factory=dict)


class Assessment(Model):
    """A severity with who decided it and provenance enough to repeat it."""

    assessment_id: str
    incident_id: str
    severity: Severity
    floor: Severity
    default: Severity
    decided_by: DecidedBy
    authority: Authority
    reason: str = Field(max_length=500, description="why this severity, or why the fallback")
    opinion: Opinion | None = None
    decided_at: UtcTime
    policy_hash: str = Field(default="", description="of the policy that gave floor and default")
    incident: Incident | None = Field(
        default=None,
        description="as it was when it was judged (it changes afterwards), to judge it again",
    )


class Citation(Model):
    """One clause of the site's own procedures, word for word."""

    document: str = Field(min_length=1, max_length=120, description="file, from the folder on")
    section: str = Field(max_length=160, description="heading, and the page of a PDF")
    quote: str = Field(min_length=1, max_length=300, description="whole sentences, verbatim")


class Words(Model):
    """Summary and recommended actions of one incident, per language.

    Raises:
        ValueError: if there are citations, and not one (or None) for each action.
    """

    summary: dict[str, str] = Field(description="language code to text of at most 60 words")
    actions: dict[str, tuple[str, ...]] = Field(description="language code to actions, in order")
    source: Literal["model", "template"]
    note: str = Field(default="", max_length=500, description="why the template stands, if it does")
    written: tuple[str, ...] = Field(
        default=(), description="languages whose summary the model wrote; the rest is template"
    )
    action_ids: tuple[str, ...] = Field(
        default=(), description="the catalogue's ids of the actions, in the same order"
    )
    actions_by: Literal["model", "catalogue"] = Field(
        default="catalogue", description="who chose and ordered the actions; nobody invents one"
    )
    citations: tuple[Citation | None, ...] = Field(
        default=(), description="per action a clause of the site's procedures; null: none was found"
    )
    procedures: Literal["none_given", "searched"] = Field(
        default="none_given", description="whether the site's procedures were searched"
    )

    def model_post_init(self, _context: Any, /) -> None:
        """Refuse citations that do not stand beside the actions."""
        if self.citations and len(self.citations) != len(self.action_ids):
            raise ValueError(
                f"{len(self.citations)} citations for {len(self.action_ids)} actions: "
                "give one, or None, for each"
            )
