"""The data directory: what lies where, files written whole or not at all, and who may change them.

`layout` alone says what its files and folders are called. `files` and `outputs` write in one step
that survives a crash, `lock` lets one process at a time change the directory, and `preflight` says
before a build that it cannot work.
"""
