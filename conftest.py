"""Wiring only: everything is in the plugins."""

pytest_plugins = ["mmapkit.plugin", "mmapkit.plugin_alarms", "mmapkit.plugin_grades"]
