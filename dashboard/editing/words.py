"""The words of the editor's scripts, marked for translation; the page hands them over."""

from __future__ import annotations

from collections.abc import Mapping

from dashboard.i18n import N_

WORDS: Mapping[str, str] = {
    "about_areas": N_("Named places of the plant. Cameras and sensors of one area see the same."),
    "about_cameras": N_("What each camera is and where its pictures come from."),
    "about_machine_states": N_(
        "A machine's state in which alarms of some kinds mean nothing. Only a good and fresh "
        "reading suppresses; a critical floor is never suppressed."
    ),
    "about_maintenance": N_(
        "Times of the week at which work would raise alarms of some kinds in one place. A critical "
        "floor is never suppressed."
    ),
    "about_rules": N_("What counts as a hazard. Rules of a zone are beside its drawing as well."),
    "about_sensors": N_("What is measured, in which unit, and where the readings come from."),
    "about_shifts": N_("Shifts of the plant, in the order in which they are tried."),
    "add": N_("Add"),
    "add_after": N_("Add a corner after number {number}"),
    "add_entry": N_("Add an entry"),
    "add_point": N_("Add a point"),
    "add_rectangle": N_("Add a rectangle"),
    "add_rule": N_("Add this rule"),
    "added": N_("added"),
    "after_restart": N_("Takes effect after a restart:"),
    "and_more": N_("and {count} more"),
    "back": N_("Back to the editor"),
    "both": N_("Both of you have changed these places, yours stand now, look at them again:"),
    "by_default": N_("as preset: {value}"),
    "camera_added": N_("Camera {name} is added: say where its pictures come from, then save."),
    "cancel": N_("Cancel"),
    "change": N_("Change"),
    "changed": N_("changed"),
    "changes": N_("Changes not saved: {count}"),
    "choose": N_("choose…"),
    "corner": N_("Zone {zone}, corner {number} of {of}: x {x} %, y {y} %"),
    "corner_help": N_(
        "Drag the corners, or choose one with Tab and move it with the arrow keys (with Shift in "
        "big steps). Insert adds a corner, Delete removes one."
    ),
    "corners": N_("Corners: {count}"),
    "diff": N_("The file's text"),
    "discard": N_("Discard all"),
    "discard_sure": N_("Discard all changes that are not saved?"),
    "draw_zone": N_("Draw a zone"),
    "drop_mine": N_("Discard my changes"),
    "dry_help": N_(
        "Runs the rules of the file and of your change over what was stored of cameras and "
        "sensors. Nothing is raised."
    ),
    "dry_hours": N_("How far back"),
    "dry_run": N_("Try it"),
    "dry_title": N_("Try it over the last hours"),
    "error": N_("Error"),
    "exact": N_("Four points always fit exactly: add a fifth to see how good they are."),
    "finish": N_("Close the zone"),
    "fit": N_("Error of the points: {rms} m on average, at worst {worst} m (point {number})."),
    "four_points": N_("The ground needs at least four points."),
    "grid": N_("The grid on the picture has a line every {step} m."),
    "ground": N_("Ground plane"),
    "ground_help": N_(
        "Put each point on a spot of the floor and write where it lies, in metres from any corner "
        "you like. No three in one line."
    ),
    "ground_none": N_("Without it, distances are estimated from the height of people."),
    "ground_off": N_("Remove the ground plane"),
    "ground_point": N_("Point {number} of the ground: x {x} %, y {y} %"),
    "ground_start": N_("Set up the ground plane"),
    "has_problems": N_("To be mended before it can be saved: {count}"),
    "hours": N_("{hours} h"),
    "job_running": N_("Under way:"),
    "job_waiting": N_("Waits for its turn…"),
    "keep_mine": N_("Take theirs up and keep mine on top"),
    "kind": N_("Kind"),
    "last_corner_off": N_("Last corner off"),
    "loading": N_("The site file is being read…"),
    "meanwhile": N_("Somebody has changed the site file meanwhile. Your draft is kept."),
    "mend_first": N_("This has to be mended before it can be saved:"),
    "name": N_("Name in the file"),
    "name_rule": N_("Small letters, digits, - and _, at most 64."),
    "name_taken": N_("The name {name} is taken: choose another."),
    "new_still": N_("Take a new still"),
    "no_picture": N_(
        "No picture: start the camera, or choose a picture of your own. Zones can be drawn all the "
        "same."
    ),
    "no_rules": N_("No rule uses this zone yet: add one, or nothing will be raised."),
    "no_zones": N_("No zone yet: draw one."),
    "none": N_("none"),
    "not_loaded": N_("The editor could not be loaded."),
    "nothing_yet": N_("Nothing here yet: add the first one below."),
    "number": N_("No."),
    "own_picture": N_("Picture of your own"),
    "picture_of": N_("Drawing on the picture of camera {camera}"),
    "placing": N_("Click the corners on the picture. So far: {count}"),
    "reason": N_("Why"),
    "reason_help": N_("It stands beside your name in the versions and in the audit."),
    "reason_missing": N_("Say why: the next person will want to know."),
    "rebased": N_("Theirs is taken up, and your changes stand on top: look at them, then save."),
    "redo": N_("Redo"),
    "remove": N_("Remove"),
    "remove_camera": N_("Remove camera {camera}"),
    "remove_corner": N_("Remove corner {number}"),
    "remove_entry": N_("Remove {name}"),
    "remove_point": N_("Remove point {number}"),
    "remove_zone": N_("Remove zone {zone}"),
    "removed": N_("removed"),
    "repeat": N_("repeat"),
    "review": N_("Review and save"),
    "review_title": N_("What you change"),
    "rule_kind": N_("Kind of the new rule"),
    "rules_of_zone": N_("Rules of this zone"),
    "save": N_("Save as a new version"),
    "saved": N_("Saved."),
    "section_areas": N_("Areas"),
    "section_cameras": N_("Cameras"),
    "section_machine_states": N_("Machine states"),
    "section_maintenance": N_("Maintenance windows"),
    "section_rules": N_("Rules"),
    "section_sensors": N_("Sensors"),
    "section_shifts": N_("Shifts"),
    "sections": N_("Parts of the site file"),
    "settings_of": N_("Settings of camera {name}"),
    "state_conflict": N_("CONFLICT"),
    "state_done": N_("DONE"),
    "state_pending": N_("PENDING"),
    "state_refused": N_("NOT SAVED"),
    "state_unanswered": N_("NO ANSWER"),
    "three_corners": N_("A zone needs at least three corners."),
    "unchanged": N_("Nothing changed."),
    "undo": N_("Undo"),
    "version_line": N_("Version {version}, {actor}, {at}: {reason}"),
    "what_to_draw": N_("What to draw"),
    "with_commas": N_("several with commas"),
    "wrong": N_("(to mend)"),
    "zone_name": N_("Name of the zone"),
    "zones": N_("Zones"),
}
"""By the name under which the scripts ask for them; `{…}` is filled in by the script."""
