#!/bin/sh
# A command that is not literally Python.
cd "$(dirname "$0")" && exec python3 -u swallow.py "$@"
