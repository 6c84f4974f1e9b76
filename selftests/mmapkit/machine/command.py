"""The command line of a virtual machine: a pure function of what is asked of it."""

from dataclasses import dataclass
from pathlib import Path

BINARY = "qemu-system-x86_64"

#: seconds from the start of QEMU to the greeting of the agent
BOOT = 120.0

#: PCI slot of the device whose BAR is a file out here
BAR_SLOT = 0x10

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Config:
    """A virtual machine.

    reserved is RAM that the kernel is told not to use, as (start, size) in
    bytes; bar is the size in bytes of a PCI BAR that is backed by a file;
    patience is the number of seconds until the agent has to have greeted.
    """

    kernel: Path
    initrd: Path
    accelerator: str = "tcg"
    memory: int = 512 * _MIB
    cpus: int = 2
    reserved: tuple[int, int] = (256 * _MIB, 2 * _MIB)
    bar: int = 4 * _MIB
    append: tuple[str, ...] = ()
    patience: float = BOOT


# The detectors of the kernel come before the agent's and the kit's silence
# timer, or not at all: under emulation a stall of seconds means nothing.
_APPEND = (
    "console=ttyS0",
    "ignore_loglevel",
    "printk.time=1",
    "log_buf_len=4M",
    # The end of the machine is the report: no second oops, no reboot.
    "oops=panic",
    "panic=-1",
    # What inject-nmi is for: every CPU tells where it is, asked by the one that
    # gets it (Documentation/admin-guide/kernel-parameters.txt, panic_print).
    "unknown_nmi_panic=1",
    "panic_print=0x40",
    "rcupdate.rcu_cpu_stall_timeout=60",
    "watchdog_thresh=30",
    # Half a second of a boot that takes three; nothing of it stays.
    "cryptomgr.notests",
    "rcupdate.rcu_expedited=1",
    "rcupdate.rcu_normal_after_boot=1",
    # Tests inside of the kernel run when their module is loaded, whatever the
    # configuration says.
    "kunit.enable=1",
    "kunit.autorun=1",
    # The one security module that the driver asks.
    "lsm=lockdown",
)


def command_line(config: Config) -> str:
    """Return the command line of the kernel."""
    start, size = config.reserved
    reserved = (f"memmap={size:#x}${start:#x}",) if size else ()
    return " ".join((*_APPEND, *reserved, *config.append))


def argv(
    config: Config,
    console: Path,
    bar: Path,
    qmp_fd: int,
    port_fd: int,
    saved_fd: int | None = None,
) -> list[str]:
    """Return the words that start QEMU.

    saved_fd: a machine that goes on in there, instead of one that boots.
    """
    cpu = "host" if config.accelerator == "kvm" else "qemu64,+pdpe1gb"
    accelerator = "kvm" if config.accelerator == "kvm" else "tcg,thread=multi"
    words = [BINARY, "-nodefaults", "-no-user-config", "-display", "none"]
    words += ["-machine", "q35", "-accel", accelerator, "-cpu", cpu]
    # A socket each: the firmware's table for a kernel without ACPI has no cores.
    words += ["-smp", f"{config.cpus},sockets={config.cpus}"]
    words += ["-m", f"{config.memory // _MIB}M"]
    words += ["-kernel", str(config.kernel), "-initrd", str(config.initrd)]
    words += ["-append", command_line(config)]
    # A guest that resets has panicked: let it end.
    words += ["-no-reboot", "-serial", f"file:{console}"]
    words += ["-chardev", f"socket,id=qmp,fd={qmp_fd}"]
    words += ["-mon", "chardev=qmp,mode=control"]
    words += ["-device", "virtio-serial-pci,max_ports=2"]
    words += ["-chardev", f"socket,id=agent,fd={port_fd}"]
    words += ["-device", "virtserialport,chardev=agent,name=memphys.agent"]
    if config.bar:
        memory = f"memory-backend-file,id=bar,share=on,mem-path={bar},size={config.bar}"
        words += ["-object", memory]
        # Without a master's memory a machine cannot be saved.
        device = f"ivshmem-plain,master=on,memdev=bar,addr={BAR_SLOT:#x}"
        words += ["-device", device]
    if saved_fd is not None:
        words += ["-incoming", f"fd:{saved_fd}"]
    return words
