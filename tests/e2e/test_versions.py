"""Updates, as Home Assistant sees them: entities that go, entities that stay, the two styles of discovery."""

from __future__ import annotations

import pytest

from smartcar_mqtt.bridge import Bridge
from smartcar_mqtt.entities import Number, Sensor, Switch, Text
from tests.e2e.home_assistant import HomeAssistant
from tests.e2e.running import Running
from tests.support.mosquitto import Mosquitto

pytestmark = pytest.mark.homeassistant


class Older(Bridge):
    """A bridge as it was."""

    name = "versions"
    title = "Versions"

    mood = Sensor(options=("calm", "cross"))

    @Number(minimum=0, maximum=10)
    def pause(self, seconds: int) -> None:
        self.update(pause=seconds)

    @Switch()
    def lamp(self, on: bool) -> None:
        self.update(lamp=on)


class Newer(Bridge):
    """The same bridge later: the switch is gone, and the number has become a text."""

    name = "versions"
    title = "Versions"

    mood = Sensor(options=("calm", "cross"))

    @Text()
    def pause(self, text: str) -> None:
        self.update(pause=text)


def test_a_newer_version_removes_what_it_no_longer_has(
    home_assistant: HomeAssistant, home_assistant_broker: Mosquitto
) -> None:
    with Running(Older, home_assistant_broker):
        home_assistant.wait_state("switch.plat_versions_lamp")
        home_assistant.wait_state("number.plat_versions_pause")
        home_assistant.wait_mqtt_settled()
    mark = home_assistant.log_mark()
    with Running(Newer, home_assistant_broker):
        home_assistant.wait_gone("switch.plat_versions_lamp")
        home_assistant.wait_gone("number.plat_versions_pause")
        home_assistant.wait_state("text.plat_versions_pause")
        rows = [row.unique_id for row in home_assistant.entity_registry() if "plat_versions" in row.unique_id]
        assert set(rows) == {f"plat_versions_{key}" for key in Newer.entities}
    home_assistant.assert_no_warnings(mark)


def test_the_older_discovery_style_takes_over_and_gives_back_without_a_loss(
    home_assistant: HomeAssistant, home_assistant_broker: Mosquitto
) -> None:
    with Running(Newer, home_assistant_broker) as running:
        running.bridge.update(mood="calm")
        entity = home_assistant.wait_state("sensor.plat_versions_mood", "calm").entity_id
        home_assistant.update_entity(entity, name="My own name")
    mark = home_assistant.log_mark()
    for style in ("component", "device"):
        with Running(Newer, home_assistant_broker, SMARTCAR__MQTT__DISCOVERY=style) as running:
            running.bridge.update(mood="cross")
            state = home_assistant.wait_state("sensor.plat_versions_mood", "cross")
            assert state.attributes["friendly_name"].endswith("My own name")
            home_assistant.wait_mqtt_settled()
        home_assistant.wait_state("sensor.plat_versions_mood", "unavailable")
    home_assistant.assert_no_warnings(mark)
