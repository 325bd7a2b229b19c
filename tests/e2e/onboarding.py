"""The folder of a Home Assistant that somebody has already set up: an owner, a token, and the MQTT integration.

What Home Assistant keeps in `.storage` is written in the oldest format that carries these facts (that of 2024.3);
every later version moves it forward by itself at its first start.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

OWNER_NAME = "Owner"

# No `default_config`: it looks for devices in the network and for news on the internet.
# `tests.settled` is the logger by which the harness finds out that everything before has been written.
_CONFIGURATION = """\
homeassistant:
  name: Test home
  unit_system: metric
  time_zone: UTC
  country: GB
  language: en
http:
  server_host: 127.0.0.1
  server_port: {port}
api:
config:
websocket_api:
frontend:
system_log:
automation: !include automations.yaml
script: {{}}
scene: []
logger:
  default: warning
  logs:
    homeassistant.bootstrap: info
    homeassistant.components.mqtt: info
    tests.settled: info
{extra}"""

_YEARS_10 = 10 * 365 * 86400


def set_up(
    folder: Path,
    *,
    port: int,
    broker_host: str,
    broker_port: int,
    mqtt_options: Mapping[str, Any],
    extra_configuration: str,
) -> str:
    """Write the configuration folder and return a long-lived access token of the owner.

    Args:
        folder: the configuration folder; it may hold files already, such as blueprints.
        port: the HTTP port on 127.0.0.1.
        broker_host: where the MQTT integration finds its broker.
        broker_port: the broker's port.
        mqtt_options: further data of the MQTT entry: `username`, `password`, `protocol`, `certificate`, ...
        extra_configuration: YAML added to configuration.yaml.
    """
    storage = folder / ".storage"
    storage.mkdir(parents=True, exist_ok=True)
    (folder / "configuration.yaml").write_text(_CONFIGURATION.format(port=port, extra=extra_configuration))
    (folder / "automations.yaml").write_text("[]\n")

    token_id, token_key = uuid.uuid4().hex, secrets.token_hex(64)
    _store(storage, "auth", _owner_with_token(token_id, token_key))
    _store(storage, "onboarding", {"done": ["user", "core_config", "analytics", "integration"]}, version=4)
    mqtt = {"broker": broker_host, "port": broker_port, "discovery": True, **mqtt_options}
    entries = [
        _config_entry("mqtt", broker_host, mqtt),
        # A default integration from 2026.11 on; it reads a catalogue on the internet at every start.
        _config_entry("marketplace", "Marketplace", {}, disabled_by="user"),
    ]
    _store(storage, "core.config_entries", {"entries": entries})
    return _json_web_token(token_id, token_key)


def _store(storage: Path, key: str, data: Mapping[str, Any], *, version: int = 1) -> None:
    document = {"version": version, "minor_version": 1, "key": key, "data": data}
    (storage / key).write_text(json.dumps(document))


def _owner_with_token(token_id: str, token_key: str) -> dict[str, Any]:
    owner = {
        "id": uuid.uuid4().hex,
        "name": OWNER_NAME,
        "is_owner": True,
        "is_active": True,
        "local_only": False,
        "system_generated": False,
        "group_ids": ["system-admin"],
    }
    token = {
        "id": token_id,
        "user_id": owner["id"],
        "client_id": None,
        "client_name": "tests",
        "client_icon": None,
        "token_type": "long_lived_access_token",
        "created_at": "2024-01-01T00:00:00+00:00",
        "access_token_expiration": float(_YEARS_10),
        "token": secrets.token_hex(64),
        "jwt_key": token_key,
        "last_used_at": None,
        "last_used_ip": None,
        "expire_at": None,
        "credential_id": None,
        "version": None,
    }
    groups = {"system-admin": "Administrators", "system-users": "Users", "system-read-only": "Read Only"}
    return {
        "users": [owner],
        "groups": [{"id": identifier, "name": name} for identifier, name in groups.items()],
        "credentials": [],
        "refresh_tokens": [token],
    }


def _config_entry(
    domain: str, title: str, data: Mapping[str, Any], *, disabled_by: str | None = None
) -> dict[str, Any]:
    return {
        "entry_id": uuid.uuid4().hex,
        "version": 1,
        "minor_version": 1,
        "domain": domain,
        "title": title,
        "data": data,
        "options": {},
        "pref_disable_new_entities": False,
        "pref_disable_polling": False,
        "source": "user",
        "unique_id": None,
        "disabled_by": disabled_by,
    }


def _json_web_token(issuer: str, key: str) -> str:
    """A token signed with HMAC-SHA256 (RFC 7519), as Home Assistant makes and checks it."""
    issued = int(time.time()) - 60
    claims = {"iss": issuer, "iat": issued, "exp": issued + _YEARS_10}
    signed = ".".join(_base64url(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    signature = hmac.new(key.encode(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{_base64url(signature)}"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
