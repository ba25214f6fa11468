"""The words for what goes wrong with a broker: what was found, and the mend.

The publisher, the sensors and `hazard check --live` say the same of the same fault. No text ever
holds a user name, a password or a key.
"""

from __future__ import annotations

import socket
import ssl
from typing import Any

from edge_agent.mqtt.tls import TellingSocket
from hazard.site.mqtt import Broker
from hazard.site.problems import show

KEEPALIVE_TIMEOUT = 141
"""Also what paho says when its own pings stay without an answer."""

MENDS = {
    128: "see the broker's log",
    132: "set `protocol` to what the broker speaks",
    133: "the broker does not accept this node's client id: change site.node, or see its log",
    134: "check username and password of this broker",
    135: "check username, password and the broker's access list",
    136: "the broker is unavailable: it is tried again",
    137: "the broker is busy: it is tried again",
    138: "the broker has banned this client: see its configuration",
    139: "the broker was shut down: it is connected again when it is back",
    140: "the broker wants another way of authentication than user name and password",
    KEEPALIVE_TIMEOUT: "nothing came in time: this machine or the network stood still",
    142: "another client uses this node's name: give each node its own site.node",
    149: "raise the broker's maximum packet size",
    151: "the broker's quota is used up: see its configuration",
    152: "the broker's administrator has ended the connection",
    156: "the broker was moved: correct host",
    157: "the broker was moved: correct host",
    159: "the broker limits how often clients connect: it is tried again",
}
"""Reason code of MQTT 5 (OASIS MQTT 5.0, 2.4) to its mend; paho gives the same codes for 3.1.1."""

_CLIENT_CERTIFICATE = "give a valid certificate for this node as cert_file, and its key_file"
_ALERTS = {
    "CERTIFICATE_REQUIRED": ("the broker wants a client certificate", _CLIENT_CERTIFICATE),
    "CERTIFICATE_EXPIRED": (
        "the client certificate has expired (or the broker's clock is wrong)",
        "renew cert_file",
    ),
    "CERTIFICATE_REVOKED": ("the client certificate was revoked", _CLIENT_CERTIFICATE),
    "UNKNOWN_CA": (
        "the broker does not trust who signed the client certificate",
        "have cert_file signed by the broker's authority, or name its signer in the broker",
    ),
    "BAD_CERTIFICATE": ("the broker does not take the client certificate", _CLIENT_CERTIFICATE),
    "CERTIFICATE_UNKNOWN": ("the broker does not take the client certificate", _CLIENT_CERTIFICATE),
    "HANDSHAKE_FAILURE": (
        "the broker refuses the TLS handshake",
        "it may want a client certificate: set cert_file and key_file; else see its TLS versions",
    ),
    "PROTOCOL_VERSION": ("the broker speaks no TLS 1.2 or 1.3", "bring the broker up to date"),
}
"""TLS alert (RFC 8446, 6.2) to what it means here."""

_EXPIRED, _NOT_YET, _OTHER_NAMES = 10, 9, (62, 64)
"""Results of OpenSSL's X509_verify_cert: X509_V_ERR_CERT_HAS_EXPIRED and its kin."""


def explain(error: Exception, broker: Broker) -> tuple[str, str]:
    """What went wrong in reaching a broker, and the mend."""
    where = f"{broker.host}:{broker.port}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return _untrusted(error, where)
    if isinstance(error, ssl.SSLError):
        return _tls(error, where)
    if isinstance(error, ConnectionResetError) and broker.tls:
        return f"no TLS with {where}: it hangs up", "use the broker's TLS port, usually 8883"
    for kind, found, mend in (
        (
            ConnectionRefusedError,
            f"nothing listens on {where}",
            "start the broker, or correct host and port",
        ),
        (socket.gaierror, f"no such host {show(broker.host)}", "correct host, or the name service"),
        (TimeoutError, f"{where} does not answer", "check address, firewall and the tls setting"),
    ):
        if isinstance(error, kind):
            return found, mend
    reason = getattr(error, "strerror", None) or type(error).__name__
    return f"{where}: {reason}", "check host, port and network"


def _untrusted(error: ssl.SSLCertVerificationError, where: str) -> tuple[str, str]:
    said = error.verify_message or "not trusted"
    whose = f"the certificate of {where}"
    if error.verify_code == _EXPIRED:
        return f"{whose} has expired", "renew it on the broker, and check this machine's clock"
    if error.verify_code == _NOT_YET:
        return f"{whose} is not valid yet", "check this machine's clock, and the broker's"
    if error.verify_code in _OTHER_NAMES:
        return f"{whose} is for another name: {said}", "use the name in the certificate as host"
    return f"{whose} is not trusted: {said}", "give the authority that signed it as ca_file"


def _tls(error: ssl.SSLError, where: str) -> tuple[str, str]:
    reason = error.reason or "handshake failed"
    for alert, said in _ALERTS.items():
        if reason.endswith(f"ALERT_{alert}"):
            return said
    mend = "check that this is the TLS port, usually 8883, and the certificate files"
    return f"no TLS with {where}: {reason}", mend


def mend_of(code: int) -> str:
    """What to do about a reason code of the broker."""
    return MENDS.get(code, "see the broker's log")


def refusal(code: Any) -> str:
    """A reason code in words, with its number and the mend."""
    return f"{code.getName()} (reason code {code.value}): {mend_of(code.value)}"


def broken(sock: Any, broker: Broker, *, answered: bool) -> tuple[str, str] | None:
    """Why a connection ended without a word of MQTT, and the mend; None: nothing more is known.

    Args:
        sock: the connection's socket, open or closed.
        broker: what it was connected to.
        answered: whether the broker had taken the client before.
    """
    if isinstance(sock, TellingSocket) and sock.fault is not None:
        return explain(sock.fault, broker)
    if answered:
        return None
    if broker.tls and broker.cert_file is None:
        return (
            "the broker ended the connection right after the TLS handshake",
            "it may want a client certificate (cert_file, key_file); else see its log",
        )
    return (
        "the broker ended the connection without an answer",
        "check port, tls and protocol",
    )


def ended(flags: Any, code: Any, sock: Any, broker: Broker, *, answered: bool) -> str:
    """Why a connection ended, in one line: from what paho's `on_disconnect` is told."""
    if flags.is_disconnect_packet_from_server:
        return f"the broker ended the connection: {refusal(code)}"
    if code.value == KEEPALIVE_TIMEOUT:
        return "the broker does not answer any more: it hangs, or the network is gone"
    found = broken(sock, broker, answered=answered)
    return ": ".join(found) if found else "the connection broke: it is connected again"
