"""The words for stages and for the figures that they report, by the names that the agent gives."""

from __future__ import annotations

from collections.abc import Mapping

from dashboard.formats import Speech
from dashboard.i18n import N_
from dashboard.spoken import told
from dashboard.spoken.jobs import KIND_TEXT
from dashboard.stages import DRAWN, StageView
from hazard.types import CameraState, Quality

STAGES: Mapping[str, str] = {
    "core": N_("Agent core"),
    "vision": N_("Vision"),
    "reasoner": N_("Reasoner"),
    "store": N_("Store"),
    "sensors": N_("Sensors' brokers"),
    "jobs": N_("Jobs"),
    "notifier": N_("Notifier"),
    "replica": N_("Replica"),
    "metrics": N_("Metrics"),
    "evidence": N_("Evidence"),
    "site": N_("Site file"),
}
GROUPS: Mapping[str, str] = {
    "camera": N_("camera {name}"),
    "sensor": N_("sensor {name}"),
    "mqtt": N_("broker {name}"),
    "process": N_("process {name}"),
}
"""Of a stage `camera/gate`, how the name of one of its group is said."""
SAME = N_("{value} for all {count}")
FIGURES: Mapping[str, str] = {
    "waiting": N_("waiting"),
    "bad_messages": N_("messages that were no messages"),
    "dropped_readings": N_("readings not stored"),
    "dropped_observations": N_("observations not stored"),
    "readings": N_("readings"),
    "received": N_("received"),
    "good": N_("good"),
    "bad": N_("bad"),
    "free_bytes": N_("free on the disk"),
    "journal_waiting": N_("waiting in the journal"),
    "sequence": N_("sequence"),
    "state": N_("State"),
    "fps": N_("pictures a second"),
    "fps_mean": N_("pictures a second, mean"),
    "restarts": N_("restarts"),
    "frames_read": N_("pictures read"),
    "frames_processed": N_("pictures looked at"),
    "frames_dropped": N_("pictures dropped"),
    "value": N_("value"),
    "unit": N_("unit"),
    "quality": N_("quality"),
    "age_s": N_("age"),
    "pid": N_("process id"),
    "backend": N_("model"),
    "queue": N_("queue"),
    "worker_decided": N_("decisions of the process"),
    "worker_late": N_("late at the process"),
    "worker_failed": N_("failed at the process"),
    "worker_written": N_("texts of the process"),
    "worker_coalesced": N_("answered together"),
    "coalesced": N_("answered together"),
    "words_by_template": N_("texts by template"),
    "test_certificates_accepted": N_("test certificates accepted"),
    "provenance": N_("made of"),
    "load_s": N_("loaded in"),
    "busy_with": N_("busy with"),
    "ready": N_("ready"),
    "decisions": N_("decisions"),
    "late": N_("late"),
    "failed": N_("failed"),
    "agreement_with_policy": N_("agreement with the policy"),
    "words": N_("texts"),
    "words_failed": N_("texts failed"),
    "outbox_depth": N_("outbox"),
    "oldest_age_s": N_("oldest"),
    "published": N_("published"),
    "acked": N_("acknowledged by the broker"),
    "resent": N_("sent again"),
    "reconnects": N_("connected again"),
    "cleared": N_("cleared"),
    "protocol": N_("protocol"),
    "running": N_("running"),
    "done": N_("done"),
    "channels": N_("channels"),
    "pending": N_("pending"),
    "sent": N_("sent"),
    "position": N_("position"),
    "spool_dropped": N_("observations lost"),
    "oldest_s": N_("oldest"),
    "cancelled": N_("cancelled"),
    "detectors": N_("detectors"),
    "model": N_("weights"),
    "problems": N_("problems"),
    "inference_ms_p50": N_("ms for half of the pictures"),
    "inference_ms_p95": N_("ms for 95 of 100 pictures"),
    "batches": N_("pictures looked at together, how often"),
    "detections": N_("detections"),
    "rss_bytes": N_("memory"),
    "decoder_rss_bytes": N_("memory of the decoder"),
    "cameras": N_("cameras"),
    "read": N_("read"),
    "processed": N_("looked at"),
    "dropped": N_("dropped"),
    "overwritten": N_("overtaken by newer ones"),
    "cpu_s": N_("processor time"),
    "spool": N_("observations that wait"),
    "line": N_("fault of the line to the core"),
    "copied_revisions": N_("revisions copied"),
    "failures": N_("failures"),
    "refused_rows": N_("rows refused"),
    "behind_revisions": N_("revisions still to copy"),
    "behind_audit_lines": N_("audit lines still to copy"),
    "behind_changes": N_("changes still to copy"),
    "summaries_generated": N_("summaries written"),
    "summaries_refused": N_("summaries refused"),
    "summaries_rambled": N_("summaries that did not end"),
    "actions_ordered": N_("lists of actions put in order"),
    "procedures_documents": N_("documents of procedures"),
    "procedures_clauses": N_("clauses of procedures"),
    "procedures_skipped": N_("documents left out"),
    "procedures_skipped_why": N_("left out because"),
    "calibration_note": N_("calibration"),
}
GIGABYTES, MEGABYTES = N_("{value} GB"), N_("{value} MB")
_ELSEWHERE = DRAWN | {"authority", "certificate", "certified_at", "busy_since", "deadline"}
"""What no line says: the model's panel does, or it is of a clock that nobody can read."""
_SAID = frozenset({"calibration_note"})
"""Figures that are texts of the agent."""
_KINDS: Mapping[str, Mapping[str, str]] = {
    "busy_with": {"decide_request": N_("a decision"), "write_request": N_("words")},
    "running": {kind.value: text for kind, text in KIND_TEXT.items()},
}
"""Figures that name one of a few things."""
_SHOWN = 32
"""Figures of one stage, and entries of one figure, that are shown."""
_WORDS = {"state": CameraState, "quality": Quality}


def stage_text(stage: str, speech: Speech) -> str:
    """What a stage is called; one that is not known by its own name."""
    group, _, name = stage.partition("/")
    if name and group in GROUPS:
        return speech.tr(GROUPS[group]).format(name=name)
    return speech.tr(STAGES[stage]) if stage in STAGES else stage


def figure_name(name: str, speech: Speech) -> str:
    """What a figure is called."""
    return speech.tr(FIGURES[name]) if name in FIGURES else name[:64].replace("_", " ")


def figures_of(stage: StageView, speech: Speech) -> list[tuple[str, str]]:
    """The names and values of a stage's figures, as the health page lists them."""
    shown = [each for each in stage.numbers.items() if each[0] not in _ELSEWHERE][:_SHOWN]
    return [(figure_name(name, speech), _value(name, value, speech)) for name, value in shown]


def _value(name: str, value: object, speech: Speech) -> str:
    if isinstance(value, Mapping):
        return _several(value, speech)[:400]
    for member in _WORDS.get(name, ()):
        if member.value == value:
            return speech.word(member)
    if isinstance(value, str):
        return _text(name, value, speech)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _quantity(name, value, speech)
    return speech.figure(value)


def _text(name: str, value: str, speech: Speech) -> str:
    if name == "unit":
        return speech.unit(value[:16])
    if name in _SAID:
        return str(told(value, speech.language))
    if name in _KINDS and value in _KINDS[name]:
        return speech.tr(_KINDS[name][value])
    return speech.figure(value or None)


def _quantity(name: str, value: float, speech: Speech) -> str:
    if name.endswith("_bytes"):
        size, text = (1e9, GIGABYTES) if value >= 1e9 else (1e6, MEGABYTES)  # noqa: PLR2004
        return speech.tr(text).format(value=speech.number(value / size, 1))
    return f"{speech.figure(value)} s" if name.endswith("_s") else speech.figure(value)


def _several(values: Mapping[object, object], speech: Speech) -> str:
    """Several named figures in a line; where all are the same, that one and how many."""
    told = {str(name): _value(str(name), one, speech) for name, one in values.items()}
    same = set(told.values())
    if len(told) > 2 and len(same) == 1:  # noqa: PLR2004
        return speech.tr(SAME).format(value=same.pop(), count=len(told))
    listed = ", ".join(f"{figure_name(name, speech)} {text}" for name, text in told.items())
    return listed or speech.figure(None)
