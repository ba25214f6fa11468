"""The demo plant's sensors: a physical simulation, published by a real MQTT client.

No package holds recordings of gas leaks, so these readings are simulated and said to be. The
agent does not know: it reads them from the broker like those of any plant.

- Hydrogen sulfide in a ventilated bay, well mixed: V dC/dt = S - Q C. A flange leaks for a while.
- A motor winding, lumped: C dT/dt = P - hA (T - T_ambient). Its fan fails, and the temperature
  goes to a new balance; the thermal mass is 20 times smaller than a real one's, so that it
  happens within the clip.
"""

from __future__ import annotations

import json
import math
import random
import threading
from dataclasses import dataclass
from datetime import UTC, datetime

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

PUBLISH_HZ = 2.0
BAY_VOLUME_M3 = 400.0
VENTILATION_M3_S = 40.0
LEAK_M3_S = 0.00112
"""Gas flow of the leak; balance at LEAK / VENTILATION = 28 ppm."""
LEAK_FROM_S = 14.0
LEAK_UNTIL_S = 48.0
PPM = 1e6

AMBIENT_C = 25.0
LOSSES_W = 900.0
CONDUCTANCE_FAN_W_K = 18.0
CONDUCTANCE_STILL_W_K = 7.5
HEAT_CAPACITY_J_K = 150.0
FAN_FAILS_AT_S = 20.0
CYCLE_S = 180.0
"""The demo repeats both faults with this period while it goes on."""
BROKEN_PAYLOAD_EVERY = 40
"""One payload in so many is `---`, as a transmitter sends while it calibrates itself."""

H2S_TOPIC = "plant/bay/h2s"
MOTOR_TOPIC = "plant/pump-house/motor-1/temperature"


@dataclass(slots=True)
class Plant:
    """State of the simulated plant; `advance` integrates it (Euler, 50 ms)."""

    h2s_ppm: float = 0.0
    motor_c: float = AMBIENT_C + LOSSES_W / CONDUCTANCE_FAN_W_K
    time_s: float = 0.0

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass."""
        steps = max(1, round(seconds / 0.05))
        step_s = seconds / steps
        for _ in range(steps):
            phase_s = self.time_s % CYCLE_S
            source = LEAK_M3_S if LEAK_FROM_S <= phase_s < LEAK_UNTIL_S else 0.0
            concentration = self.h2s_ppm / PPM
            concentration += step_s * (source - VENTILATION_M3_S * concentration) / BAY_VOLUME_M3
            self.h2s_ppm = concentration * PPM
            failed = phase_s >= FAN_FAILS_AT_S
            conductance = CONDUCTANCE_STILL_W_K if failed else CONDUCTANCE_FAN_W_K
            self.motor_c += (
                step_s * (LOSSES_W - conductance * (self.motor_c - AMBIENT_C)) / HEAT_CAPACITY_J_K
            )
            self.time_s += step_s


class SensorSimulation(threading.Thread):
    """Publishes the plant's readings until it is stopped; reconnects by itself."""

    def __init__(self, host: str, port: int, seed: int = 7) -> None:
        super().__init__(name="sensor-simulation", daemon=True)
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id="plant-simulation", protocol=mqtt.MQTTv5
        )
        self._client.reconnect_delay_set(1, 2)
        self._client.connect_async(host, port, keepalive=15)
        self._stop_event = threading.Event()
        self._random = random.Random(seed)  # noqa: S311 - sensor noise, not a secret
        self.published = 0

    def stop(self) -> None:
        """End the thread and the connection."""
        self._stop_event.set()
        self.join(timeout=3)
        self._client.disconnect()
        self._client.loop_stop()

    def run(self) -> None:
        """Integrate and publish in real time."""
        self._client.loop_start()
        plant = Plant()
        period_s = 1.0 / PUBLISH_HZ
        while not self._stop_event.wait(period_s):
            plant.advance(period_s)
            self._publish(H2S_TOPIC, plant.h2s_ppm, "ppm", 0.15)
            self._publish(MOTOR_TOPIC, plant.motor_c, "degC", 0.2)

    def _publish(self, topic: str, value: float, unit: str, noise: float) -> None:
        self.published += 1
        measured = max(0.0, value + self._random.gauss(0.0, noise))
        if self.published % BROKEN_PAYLOAD_EVERY == 0:
            payload = "---"
        else:
            payload = json.dumps(
                {
                    "value": round(measured, 2) if math.isfinite(measured) else 0.0,
                    "unit": unit,
                    "time": datetime.now(UTC).isoformat(),
                }
            )
        self._client.publish(topic, payload, qos=1)
