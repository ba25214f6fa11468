"""What detectors call the things that they see, as people call them.

A label of a model that is not here is shown as it is.
"""

from __future__ import annotations

from dashboard.i18n import N_

LABELS = frozenset(
    (
        N_("person"),
        N_("bicycle"),
        N_("car"),
        N_("motorcycle"),
        N_("bus"),
        N_("train"),
        N_("truck"),
        N_("boat"),
        N_("airplane"),
        N_("forklift"),
        N_("fire"),
        N_("flame"),
        N_("smoke"),
        N_("helmet"),
        N_("vest"),
        N_("head"),
        N_("bird"),
        N_("cat"),
        N_("dog"),
        N_("horse"),
        N_("sheep"),
        N_("cow"),
        N_("backpack"),
        N_("umbrella"),
        N_("handbag"),
        N_("suitcase"),
        N_("sports ball"),
        N_("frisbee"),
        N_("kite"),
        N_("skateboard"),
        N_("bottle"),
        N_("cup"),
        N_("chair"),
        N_("bench"),
        N_("potted plant"),
        N_("tv"),
        N_("laptop"),
        N_("cell phone"),
        N_("traffic light"),
        N_("fire hydrant"),
        N_("stop sign"),
        N_("parking meter"),
    )
)
