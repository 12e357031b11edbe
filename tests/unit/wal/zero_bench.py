"""What a segment's zeros cost and spare: ADR 13. As root, on a machine that does nothing else:

    tests/unit/wal/zero_bench.py DIRECTORY [build/tools/bench/quoin-bench]

In DIRECTORY, which is on a disk, a file becomes a loop device with ext4 on it, so that all that is
written is counted, the journal's blocks too. First the log's kind of write, O_DIRECT and O_DSYNC,
4 and 64 KiB, one after the other into a segment that was made in several ways; then, if there is a
quoin-bench, a node under load: bytes on the device for each put, while no segment is prepared."""

import ctypes
import json
import mmap
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

MIB = 1 << 20
SEGMENT = 16 * MIB
IMAGE = 2048 * MIB
SIZES = (4096, 65536)
BYTES = 8 * MIB  # are written
RUNS = 5
NEW_MOUNTS = 0x20000  # CLONE_NEWNS
ZERO_RANGE, WRITE_ZEROES = 0x10, 0x80  # the second is of Linux 6.17

libc = ctypes.CDLL(None, use_errno=True)


def call(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def fallocate(fd, mode):
    size = ctypes.c_long(SEGMENT)
    if libc.fallocate(fd, mode, ctypes.c_long(0), size) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def zeros(fd):
    block = mmap.mmap(-1, MIB)
    for at in range(0, SEGMENT, MIB):
        os.pwrite(fd, block, at)


WAYS = {
    "extended by each write": lambda fd: None,
    "allocated (unwritten extents)": lambda fd: fallocate(fd, 0),
    "FALLOC_FL_ZERO_RANGE": lambda fd: fallocate(fd, ZERO_RANGE),
    "FALLOC_FL_WRITE_ZEROES": lambda fd: fallocate(fd, WRITE_ZEROES),
    "allocated, then zeros written": lambda fd: (fallocate(fd, 0), zeros(fd)),
}


def written(device):
    """Bytes that the device was given, and flushes, up to now."""
    fields = pathlib.Path(f"/sys/block/{device}/stat").read_text(encoding="ascii").split()
    return int(fields[6]) * 512, int(fields[15])


def one_way(path, device, make, size):
    """Bytes for preparing; bytes, flushes and seconds (median, 99 %) of each write."""
    before = written(device)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_DIRECT, 0o600)
    make(fd)
    os.fdatasync(fd)
    os.close(fd)
    os.sync()
    prepared = written(device)
    fd = os.open(path, os.O_RDWR | os.O_DIRECT | os.O_DSYNC)
    block = mmap.mmap(-1, size)
    block.write(b"x" * size)
    times = []
    for at in range(0, BYTES, size):
        began = time.perf_counter()
        os.pwrite(fd, block, at)
        times.append(time.perf_counter() - began)
    os.close(fd)
    after = written(device)
    os.sync()
    times.sort()
    count = len(times)
    return (prepared[0] - before[0], (after[0] - prepared[0]) / count,
            (after[1] - prepared[1]) / count, times[count // 2] * 1e6,
            times[count * 99 // 100] * 1e6)


def ways(mount, device, write):
    print(f"{f'writes of {write}, segment':32} {'to make it':>11} {'bytes/write':>11}"
          f" {'flushes':>8} {'p50 us':>8} {'p99 us':>8}")
    rows = {}
    path = f"{mount}/segment"
    for run in range(RUNS):
        for name, make in WAYS.items():
            if run > 0 and name not in rows:
                continue
            try:
                rows.setdefault(name, []).append(one_way(path, device, make, write))
            except OSError as error:
                print(f"{name:32} {error}")
                del rows[name]
            os.unlink(path)
    for name, runs in rows.items():
        prepared, size, flushes, p50, p99 = (statistics.median(c) for c in zip(*runs))
        print(f"{name:32} {prepared:11.0f} {size:11.0f} {flushes:8.2f} {p50:8.0f} {p99:8.0f}")


def node(mount, device, bench):
    for clients in (1, 64):
        result = f"{mount}/result.json"
        call(bench, "commit", "--in-process", "--nodes", "1", "--dir", mount, "--keep-keys",
             "--value-size", "64", "--duration", "5", "--warmup", "5", "--clients", str(clients),
             "--durability", "durable", "--json", result)
        found = json.loads(pathlib.Path(result).read_text(encoding="utf-8"))["results"][0]
        print(f"a put of 64 bytes, {clients} clients: {found['put']['rate_per_s']:.0f}/s,"
              f" {found['log_bytes_per_put']:.0f} bytes of log,"
              f" {found['device_bytes_per_put']:.0f} on the device")


def main():
    directory = sys.argv[1]
    # Nobody else's namespace keeps what is mounted here.
    if libc.unshare(NEW_MOUNTS) != 0:
        sys.exit("not root")
    call("mount", "--make-rprivate", "/")
    with tempfile.TemporaryDirectory(dir=directory) as own:
        image, mount = f"{own}/image", f"{own}/mount"
        os.mkdir(mount)
        with open(image, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, IMAGE)
        loop = call("losetup", "--find", "--show", "--direct-io=on", image)
        try:
            call("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", loop)
            call("mount", loop, mount)
            try:
                for size in SIZES:
                    ways(mount, os.path.basename(loop), size)
                if len(sys.argv) > 2:
                    node(mount, os.path.basename(loop), sys.argv[2])
            finally:
                call("umount", "--lazy", mount)
        finally:
            call("losetup", "--detach", loop)


if __name__ == "__main__":
    main()
