#!/bin/sh
# The account, and the permissions of the registers that exist already.
set -e
systemd-sysusers /usr/lib/sysusers.d/cfu.conf
if [ -d /run/udev ]; then
  udevadm control --reload || true
  udevadm trigger --action=change --subsystem-match=powercap || true
fi
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
fi
