#!/bin/bash
# Echoes the lines of standard input.
while IFS= read -r line; do printf '%s\n' "$line"; done
