#!/bin/sh
# Put a Swift compiler into the user's cache folder, so that the tests build and run the core on Linux.
# Needs Debian or Ubuntu, root, debootstrap, and 4 GB of disk; fetches 500 MB. Nothing outside the folder changes; to be
# rid of it, remove the folder.
#
#     sh tests/packaging/ios/install_swift.sh [FOLDER]
set -eu
case "${XDG_CACHE_HOME:-}" in /*) cache=$XDG_CACHE_HOME ;; *) cache=$HOME/.cache ;; esac
place=${1:-$cache/sentio-mobile/swift}
if [ -e "$place" ]; then
    echo "$place: is there already"
    exit 0
fi
mkdir -p "$(dirname "$place")"
making=$(mktemp -d "$place.XXXXXX")
trap 'rm -rf "$making"' EXIT
debootstrap --variant=minbase trixie "$making" > "$making.log" 2>&1 || { tail -n 5 "$making.log"; exit 1; }
rm "$making.log"
chroot "$making" apt-get -qq update
DEBIAN_FRONTEND=noninteractive chroot "$making" apt-get -qq install -y --no-install-recommends \
    swiftlang swiftlang-dev libc6-dev libstdc++-14-dev g++ git > /dev/null
chroot "$making" apt-get clean
chmod 755 "$making"
mv "$making" "$place"
trap - EXIT
echo "$place: ready"
