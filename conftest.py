"""Wiring only: everything is in the plugin."""

pytest_plugins = ["mmapkit.plugin"]
