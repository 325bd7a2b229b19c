"""The ESP32 board: its pins, its sizes, the times that its work takes. Sources: seed facts, sections 2.2 to 2.8.

`ECHO_START_S` is of the HC-SR04's data sheet, `GAS_READING_S` a usual value of the chip's converter.
"""

from __future__ import annotations

from smartcar_mqtt.simulator.world.wiring import Pins

BUFFER_CHARACTERS = 127  # of a command line, from both ports together; what is beyond is lost without a word
BOOT_S = 0.3
LOOP_REST_S = 0.05
ECHO_WAIT_S = 0.03
ECHO_START_S = 0.000462  # the sensor's trigger, and the eight waves that it sends before its echo pin rises
GAS_READING_S = 0.0001
CM_PER_MICROSECOND = 0.01715
SHORTEST_ALERT_BYTES = len("ALERT:COLLISION:CLEAR,S1:0,S2:0,S3:0\r\n")  # the least that follows a measurement
SHORTEST_SCAN_BYTES = len("SCAN:POS:0,S1:0,S2:0,S3:0\r\n")  # and the least in a scan
KEPT_USB_LINES = 100
USB_GREETING = (
    "ESP32 of a robot car: motors, three sonars, gas sensor and servo.",
    "The four pins of the motor driver are outputs, and low.",
    "The sonars' and the gas sensor's pins are set up; servo in the middle.",
    "One command a line, here or on Serial2.",
)
STOP_ZONE_CM = 10
WARNING_ZONE_CM = 20
NOTHING_NEAR_CM = 9999
SCAN_READINGS = 8
SCAN_STEP_DEG = 45
SCAN_TURN_S = 0.2
SCAN_SETTLE_S = 0.1
SERVO_MIDDLE_DEG = 90

MOTOR_PINS = (25, 26, 27, 14)
"""The ESP32's pins that are connected to IN1, IN2, IN3 and IN4 of the motor driver."""
LEVELS = {
    b"FORWARD": Pins(1, 0, 1, 0),
    b"BACKWARD": Pins(0, 1, 0, 1),
    b"LEFT": Pins(1, 0, 0, 1),
    b"RIGHT": Pins(0, 1, 1, 0),
}
"""What each move sets IN1 to IN4 to; its wiring decides which way the car goes (seed facts, 2.2 and 2.4)."""
ALL_OFF = Pins(0, 0, 0, 0)
