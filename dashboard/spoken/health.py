"""Why a stage is not ready, as the stages say it."""

from __future__ import annotations

from dashboard.i18n import N_

HEALTH: tuple[str | tuple[str, str], ...] = (
    N_(
        "has not reported since the agent was set up: see `hazard status`; start it again "
        "with `hazard run`"
    ),
    N_("has not reported yet"),
    N_("no report for {seconds} s; it last said {health}"),
    N_("no report for {seconds} s; it last said {health} ({why})"),
    N_("its time lies {seconds} s in the future: set this box's clock"),
    N_("no report for {seconds} s; defaults stand"),
    N_("the reasoning process is not connected; defaults stand"),
    N_("connected, not yet configured"),
    N_("waiting for the core"),
    N_("loading {name}"),
    N_("freeing {name}"),
    N_("switched off in the site file: reasoning.enabled is false"),
    N_("{name} did not load: {detail}"),
    N_("there is none: run the exam"),
    N_("{path} cannot be read ({detail}): run the exam anew"),
    N_("{path} is for another file, quantization or prompt: run the exam anew"),
    N_("{name} broke {count} times in a row, last: {detail}"),
    N_("the process is gone; it is started again"),
    N_("silent for {seconds} s"),
    N_("the vision group has not connected yet"),
    N_("the notifying process has not connected: with the first channel it needs a restart"),
    N_("the process that copies to the replica has not connected yet"),
    N_("the process of the jobs has not connected yet"),
    N_("the vision group has said nothing of it yet"),
    N_("no word of it for {seconds} s"),
    N_("no reading yet: check topic and broker"),
    N_("no reading for {seconds} s"),
    N_("quality {quality}"),
    N_("{detail}; it is started again"),
    N_("just started again, after {detail}"),
    N_("the supervisor is silent for {seconds} s"),
    N_("killed by {name}"),
    N_("killed by signal {name}"),
    N_("exit code {count}"),
    N_("cannot be started: {detail}"),
    N_("neither camera nor sensor looks at it"),
    N_("the picture is black: uncover or light the camera"),
    N_("the same picture is repeated: restart the camera"),
    N_("the decoder ended with code {count}: it is started again"),
    N_("the decoder ended with code -{count}: it is started again"),
    N_(
        "no sign of life for {seconds} s while reading: decoder killed; check the camera "
        "and its network, it is started again"
    ),
    N_("no new picture for {seconds} s: {why}"),
    N_("check the camera's power, cable and network"),
    N_("no picture yet: check the source"),
    N_("no detector {names}: see vision"),
    N_("detector not loaded: {detail}"),
    N_("the inference thread has ended: restart the vision group"),
    N_("loading the detectors"),
    N_("preview of {name} not written: {detail}"),
    N_("core not reachable: {detail}"),
    N_("line to the core broke: {detail}"),
    N_("{name} cannot be opened: {mend}"),
    N_("{name} was lost: {mend}"),
    N_("a picture of {name} was broken and left out"),
    N_("check that the camera is powered and reachable, the address and the password"),
    N_("plug it in, check source.device and that this user is in the group video"),
    N_(
        "video {path} cannot be opened ({reason}): put the file there, readable by this "
        "user, or change source.path"
    ),
    N_("video {path} is empty (0 bytes): copy it again"),
    N_(
        "video {path} ({size} bytes) is not a video that OpenCV can read: copy it again, "
        "or convert it to MP4 (H.264)"
    ),
    N_("video {path} ends at picture {number} of {count}: it is truncated, copy it again"),
    N_("picture {number} of {path} is broken and was left out"),
    N_("retained by the broker: sent before this program subscribed, of unknown age"),
    N_("unit {name} cannot be converted to {unit}: mend it at the sensor"),
    N_("not a number: {value}"),
    N_("no usable JSON: {value}"),
    N_("the value is not a finite number"),
    N_("{value} is below the sensor's minimum {limit}"),
    N_("{value} is above the sensor's maximum {limit}"),
    N_("{value} is neither true nor false: send 1, 0, true, false, on or off"),
    N_("measured {seconds} s in the future: set the sensor's clock"),
    N_("measured {seconds} s ago: too old to act on, or the sensor's clock is wrong"),
    N_("not started: the recording is read when the agent runs"),
    N_("{path}: the recording has ended after {count} rows"),
    N_("{count} readings dropped: they come faster than they are read"),
    N_("broker {name}: not started"),
    N_("connecting"),
    N_("broker {name}: {detail}"),
    N_("has not acknowledged anything for {seconds} s: it hangs, or is busy"),
    N_(
        "hangs up at larger messages: alerts go in {size} bytes with less detail: raise "
        "its maximum packet size"
    ),
    N_("the broker does not answer any more: it hangs, or the network is gone"),
    N_("the connection broke: it is connected again"),
    N_("nothing listens on {address}: start the broker, or correct host and port"),
    N_("no such host {address}: correct host, or the name service"),
    N_("{address} does not answer: check address, firewall and the tls setting"),
    N_("{count} units wait in the journal: {why}"),
    N_("{count} changes of the journal were refused by the database ({detail})"),
    N_("only {value} MB free: make room on the disk of the data folder"),
    N_("the oldest evidence is given up first"),
    N_("the database is not opened yet"),
    N_("the database cannot be used: {detail}"),
    N_("{count} notices wait for channel {name}, which the site file no longer names"),
    N_("{count} notices were given up in the last 24 h"),
    N_("{count} wait: {detail}"),
    N_("the service has not answered since {time} UTC"),
    N_("channel {name}: not sent: {detail}"),
    N_("channel {name}: {address} was not reached ({reason}): check address, network and ca_file"),
    N_(
        "channel {name}: {address} answered {count}: see the receiver's log; it must "
        "answer 200 to 299"
    ),
    N_("no reason given"),
    N_("{count} faults of the program, the last in {detail}"),
    N_("rule {name}: {detail}"),
    N_("{device} is there, nvidia-smi is not: install the driver"),
    N_("nvidia-smi gave no answer: {reason}"),
    N_("PostgreSQL has not answered for {seconds} s: see its log and its disk"),
    N_("{count} revisions behind, the oldest {seconds} s old"),
)
