#!/bin/sh
# The executor's tests as an ordinary user (tier C or D): ordinary_user_test.sh TEST SUPERVISOR INIT.
# Root starts it; the programs are copied to where that user can reach them. 77: skipped.
set -eu
[ "$(id -u)" = 0 ] || exit 77
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cp "$1" "$2" "$3" "$folder"
mkdir -m 1777 "$folder/tmp"
TMPDIR="$folder/tmp" HODEI_BIN_DIR="$folder" setpriv --reuid=65534 --regid=65534 --clear-groups \
  "$folder/$(basename "$1")" --gtest_filter='*Conformance*:*Escape*:*Alone*:*Private*:*HostUser*:*Loopback*'
