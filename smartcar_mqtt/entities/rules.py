"""What Home Assistant accepts: device classes, their units and state classes, as tables.

Source: the `const` modules of Home Assistant 2025.4's sensor, number, binary_sensor, button, switch, event and update
integrations. A test compares these tables with an installed Home Assistant.
"""

from __future__ import annotations

SENSOR_UNITS: dict[str, frozenset[str]] = {
    name: frozenset(units.split("|")) if units else frozenset()
    for name, units in {
        "apparent_power": "VA",
        "aqi": "",
        "area": "ac|cm²|ft²|ha|in²|km²|mi²|mm²|m²|yd²",
        "atmospheric_pressure": "Pa|bar|cbar|hPa|inHg|kPa|mbar|mmHg|psi",
        "battery": "%",
        "blood_glucose_concentration": "mg/dL|mmol/L",
        "carbon_dioxide": "ppm",
        "carbon_monoxide": "ppm",
        "conductivity": "S/cm|mS/cm|µS/cm",
        "current": "A|mA",
        "data_rate": "B/s|GB/s|Gbit/s|GiB/s|KiB/s|MB/s|Mbit/s|MiB/s|bit/s|kB/s|kbit/s",
        "data_size": "B|EB|EiB|GB|Gbit|GiB|KiB|MB|Mbit|MiB|PB|PiB|TB|TiB|YB|YiB|ZB|ZiB|bit|kB|kbit",
        "date": "",
        "distance": "cm|ft|in|km|m|mi|mm|nmi|yd",
        "duration": "d|h|min|ms|s|μs",
        "energy": "GJ|GWh|Gcal|J|MJ|MWh|Mcal|TWh|Wh|cal|kJ|kWh|kcal|mWh",
        "energy_distance": "kWh/100km|km/kWh|mi/kWh",
        "energy_storage": "GJ|GWh|Gcal|J|MJ|MWh|Mcal|TWh|Wh|cal|kJ|kWh|kcal|mWh",
        "enum": "",
        "frequency": "GHz|Hz|MHz|kHz",
        "gas": "CCF|ft³|m³",
        "humidity": "%",
        "illuminance": "lx",
        "irradiance": "BTU/(h⋅ft²)|W/m²",
        "moisture": "%",
        "nitrogen_dioxide": "µg/m³",
        "nitrogen_monoxide": "µg/m³",
        "nitrous_oxide": "µg/m³",
        "ozone": "µg/m³",
        "ph": "",
        "pm1": "µg/m³",
        "pm10": "µg/m³",
        "pm25": "µg/m³",
        "power": "GW|MW|TW|W|kW|mW",
        "power_factor": "%|",
        "precipitation": "cm|in|mm",
        "precipitation_intensity": "in/d|in/h|mm/d|mm/h",
        "pressure": "Pa|bar|cbar|hPa|inHg|kPa|mbar|mmHg|psi",
        "reactive_power": "var",
        "signal_strength": "dB|dBm",
        "sound_pressure": "dB|dBA",
        "speed": "Beaufort|ft/s|in/d|in/h|in/s|km/h|kn|m/s|mm/d|mm/h|mm/s|mph",
        "sulphur_dioxide": "µg/m³",
        "temperature": "K|°C|°F",
        "timestamp": "",
        "volatile_organic_compounds": "µg/m³",
        "volatile_organic_compounds_parts": "ppb|ppm",
        "voltage": "MV|V|kV|mV|µV",
        "volume": "CCF|L|fl. oz.|ft³|gal|mL|m³",
        "volume_flow_rate": "L/min|ft³/min|gal/min|mL/s|m³/h",
        "volume_storage": "CCF|L|fl. oz.|ft³|gal|mL|m³",
        "water": "CCF|L|ft³|gal|m³",
        "weight": "g|kg|lb|mg|oz|st|µg",
        "wind_direction": "°",
        "wind_speed": "Beaufort|ft/s|in/s|km/h|kn|m/s|mm/s|mph",
    }.items()
}
"""Sensor device class → units that fit it; an empty set stands for "no unit at all"."""

NOT_NUMERIC = frozenset({"date", "enum", "timestamp"})
"""Sensor device classes without a number: neither a unit nor a state class, and no number entity."""

ONLY_TOTALS = frozenset({"energy", "gas", "volume", "water"})
"""Sensor device classes whose state class must be `total` or `total_increasing`."""

STATE_CLASSES = frozenset({"measurement", "measurement_angle", "total", "total_increasing"})

DEVICE_CLASSES: dict[str, frozenset[str]] = {
    "binary_sensor": frozenset(
        "battery battery_charging carbon_monoxide cold connectivity door garage_door gas heat light lock moisture "
        "motion moving occupancy opening plug power presence problem running safety smoke sound tamper update "
        "vibration window".split()
    ),
    "button": frozenset({"identify", "restart", "update"}),
    "switch": frozenset({"outlet", "switch"}),
    "event": frozenset({"button", "doorbell", "motion"}),
    "update": frozenset({"firmware"}),
    "sensor": frozenset(SENSOR_UNITS),
    "number": frozenset(SENSOR_UNITS) - NOT_NUMERIC,
}
"""Platform → device classes that Home Assistant knows for it; a platform that is missing here has none."""

READ_ONLY_PLATFORMS = frozenset({"sensor", "binary_sensor", "event", "image", "camera"})
"""Platforms that Home Assistant refuses in the category `config`."""

MAX_STATE_CHARACTERS = 255
"""Longest state that Home Assistant stores; longer text becomes `unknown`."""


def unit_problem(device_class: str, unit: str | None) -> str | None:
    """Why this unit does not fit this sensor or number device class; None when it fits."""
    fitting = SENSOR_UNITS[device_class]
    if unit is None:
        return None if not fitting or "" in fitting else f"needs a unit: {', '.join(sorted(fitting))}"
    if unit in fitting:
        return None
    allowed = ", ".join(sorted(filter(None, fitting))) or "none"
    return f"unit {unit!r} does not fit device class {device_class!r} (allowed: {allowed})"
