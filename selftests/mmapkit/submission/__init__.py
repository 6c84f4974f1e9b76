"""The project as a series of patches for the kernel tree.

    python -m mmapkit.submission --tree KERNEL_SOURCE [--output DIR]

layout.py says which file goes where and what stays behind, series.py what comes
with which patch, mail.py writes the patches. gate.py puts them to a kernel's
source and asks its tools what they think.
"""
