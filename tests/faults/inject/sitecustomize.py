"""Kill this process, or refuse it the disk, at a point that the environment names.

Python imports this file by itself when its directory is on `PYTHONPATH`: a child process of
the fault harness gets a fault without the product knowing of it. `CUSTOMER_INTELLIGENCE_FAULT`
holds JSON:

- `at`: `module:function`, or `step` for any call that changes files below `under`
- `when`: `before` or `after` a named function; a step is always met before it
- `call`: which call counts, from 1
- `do`: `kill` (SIGKILL), `no_space` (OSError ENOSPC), or `trace` (only write down each step)
- `log`: a file that is told what was met
"""

# pathlib is among what is watched.
# ruff: noqa: PTH115, PTH118, PTH119
import errno
import functools
import importlib.abc
import json
import os
import signal
import sys

# What the interpreter announces of changes to files; os.fsync alone is not announced.
ANNOUNCED = {"open", "os.chmod", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Fault:
    def __init__(self, at, when, call, do, under, log):
        self.at, self.when, self.call, self.do = at, when, call, do
        self.under = os.path.realpath(under)
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.calls = 0
        # A function that finds no space does not find any the next time either.
        self.is_lasting = at != "step" and do == "no_space"

    def met(self, name):
        """Count a call, and act when it is the one."""
        self.calls += 1
        if self.do == "trace":
            os.write(self.log, f"{name}\n".encode())
        elif self.calls == self.call or (self.calls > self.call and self.is_lasting):
            os.write(self.log, f"{self.do} {self.when} {name}\n".encode())
            if self.do == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def watch_steps(self):
        fsync = os.fsync

        def watched_fsync(descriptor):
            path = os.readlink(f"/proc/self/fd/{int(descriptor)}")
            if self.is_below(path):
                self.met(f"os.fsync {os.path.basename(path)}")
            fsync(descriptor)

        def watch(event, arguments):
            if event not in ANNOUNCED:
                return
            path, *rest = arguments
            if event == "open" and not (isinstance(rest[-1], int) and rest[-1] & WRITING):
                return
            if isinstance(path, int) or path is None:
                return
            path = os.fsdecode(path)
            # Trees are removed by names relative to an open directory.
            directory = rest[-1] if event in ("os.remove", "os.rmdir") else -1
            if directory not in (-1, None):
                path = os.path.join(os.readlink(f"/proc/self/fd/{directory}"), path)
            if self.is_below(path):
                self.met(f"{event} {os.path.basename(path)}")

        os.fsync = watched_fsync
        sys.addaudithook(watch)

    def watch_function(self):
        module, _ = self.at.split(":")
        if module in sys.modules:
            self.wrap_in(sys.modules[module])
        else:
            sys.meta_path.insert(0, OnImport(module, self.wrap_in))

    def wrap_in(self, module):
        name = self.at.split(":")[1]
        setattr(module, name, self.wrapped(getattr(module, name)))

    def is_below(self, path):
        return (os.path.realpath(path) + os.sep).startswith(self.under + os.sep)

    def wrapped(self, function):
        @functools.wraps(function)
        def wrapper(*arguments, **options):
            if self.when == "before":
                self.met(self.at)
            result = function(*arguments, **options)
            if self.when == "after":
                self.met(self.at)
            return result

        return wrapper


class OnImport(importlib.abc.MetaPathFinder):
    """Do something to a module as soon as it has been imported."""

    def __init__(self, module, then):
        self.module, self.then = module, then

    def find_spec(self, name, path=None, target=None):
        if name != self.module:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        spec = next(filter(None, (finder.find_spec(name, path, target) for finder in others)), None)
        if spec is None:
            return None
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            self.then(module)

        spec.loader.exec_module = exec_module
        return spec


# Taken out of the environment: a child of this process works undisturbed.
_settings = os.environ.pop("CUSTOMER_INTELLIGENCE_FAULT", None)
if _settings is not None:
    _fault = Fault(**json.loads(_settings))
    if _fault.at == "step":
        _fault.watch_steps()
    else:
        _fault.watch_function()
