"""Targets read off machines: one module for each kind of device."""
