"""Runs a command and prints, as one line of JSON on stderr, its wall time from process start, and the most host and GPU memory it held.

usage: measure.py COMMAND [ARG ...]
"""
import json
import subprocess
import sys
import threading
import time

import pynvml

pynvml.nvmlInit()
card = pynvml.nvmlDeviceGetHandleByIndex(0)
used = lambda: pynvml.nvmlDeviceGetMemoryInfo(card).used
before = used()
most = {"gpu": before, "shared": 0, "private": 0}
start = time.monotonic()
child = subprocess.Popen(sys.argv[1:])


def watch():
    while child.poll() is None:
        most["gpu"] = max(most["gpu"], used())
        try:
            fields = dict(line.split(":", 1) for line in open(f"/proc/{child.pid}/status"))
            for name, field in (("private", "RssAnon"), ("shared", "RssFile"), ("shmem", "RssShmem"), ("peak", "VmHWM")):
                most[name] = max(most.get(name, 0), int(fields[field].split()[0]) * 1024)
        except (OSError, KeyError, ValueError):
            pass
        time.sleep(0.02)


watcher = threading.Thread(target=watch)
watcher.start()
child.wait()
seconds = time.monotonic() - start
watcher.join()
gb = lambda count: round(count / 1e9, 3)
memory = {name: gb(most.get(name, 0)) for name in ("peak", "private", "shared", "shmem")}
print(json.dumps(dict(seconds=round(seconds, 3), gpu_gb=gb(most["gpu"] - before), host_gb=memory, exit=child.returncode)), file=sys.stderr, flush=True)
sys.exit(child.returncode)
