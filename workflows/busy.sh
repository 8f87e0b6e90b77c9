#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: busy.sh RUN PROCESS
#
# Says so if another make is at work in the folder of the run: both would write the same files.
# The number of its process is in records/pid, which stays behind; another program may have it.
other=$(cat "$1/records/pid" 2>/dev/null)
case $other in '' | *[!0-9]* | "$2") exit 0 ;; esac
kill -0 "$other" 2>/dev/null || exit 0
[ ! -r "/proc/$other/comm" ] || grep -q make "/proc/$other/comm" || exit 0
printf '%s\n' "another make, process $other, is at work in $1: NAME= gives this one a folder of its own"
