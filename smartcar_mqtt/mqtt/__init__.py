"""MQTT: the connection to the broker, discovery, snapshots, and what a bridge hears of others."""
