#!/bin/sh
# An upgrade leaves the agent running; a removal ends it.
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
  systemctl disable --now cfu-agent.service || true
fi
