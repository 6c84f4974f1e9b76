"""mmapkit: programs of memory operations, run on machines and on a model.

The parts, and which way they may depend on one another, are described in
Documentation/design.rst; selftests/host/test_imports.py keeps it so.
"""
