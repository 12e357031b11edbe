# What tools/demo and tools/check do before they begin; sourced by both, from the top directory.
# shellcheck shell=bash

setup_say()
{
	printf '%s\n' "$*"
}

# setup_packages PURPOSE...: installs what is missing of tools/packages. No network if nothing is.
setup_packages()
{
	local package purpose wanted missing=()

	for purpose in "$@"; do
		wanted=$(awk -v purpose="$purpose" '$1 == purpose { print $2 }' tools/packages)
		for package in $wanted; do
			dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null |
				grep -qx installed || missing+=("$package")
		done
	done
	if [ ${#missing[@]} -eq 0 ]; then
		setup_say "packages: all there"
		return 0
	fi
	if [ "$(id -u)" -ne 0 ]; then
		setup_say "packages missing; as root: apt-get install --no-install-recommends" \
			"${missing[*]}" >&2
		return 1
	fi
	setup_say "packages: installing ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq
	setup_install "${missing[@]}"
}

# Without the services that come with some of them: neither now nor when the host starts again.
setup_install()
{
	local policy=/usr/sbin/policy-rc.d made= status=0 unit

	if [ ! -e "$policy" ]; then
		made=$policy
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
	fi
	apt-get install -qq -y --no-install-recommends "$@" >/dev/null || status=$?
	[ -z "$made" ] || rm -f "$made"
	for unit in prometheus etcd; do
		case " $* " in
		*" $unit "* | *" $unit-server "*)
			systemctl --quiet disable "$unit" 2>/dev/null || true
			;;
		esac
	done
	return "$status"
}

setup_huge_pages_file=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
setup_huge_pages_before=

# setup_huge_pages COUNT: raises the number of 2 MiB pages for as long as this shell runs, where the
# host allows it. Without them the nodes use ordinary pages, and say so.
setup_huge_pages()
{
	local wanted=$1 before now

	before=$(cat "$setup_huge_pages_file" 2>/dev/null) || {
		setup_say "huge pages: this kernel has none of 2 MiB; going without"
		return 0
	}
	if [ "$before" -ge "$wanted" ]; then
		setup_say "huge pages: $before of 2 MiB are there"
		return 0
	fi
	if ! { echo "$wanted" >"$setup_huge_pages_file"; } 2>/dev/null; then
		setup_say "huge pages: $before of 2 MiB, and this host does not let us raise that"
		return 0
	fi
	setup_huge_pages_before=$before
	now=$(cat "$setup_huge_pages_file")
	setup_say "huge pages: $now of 2 MiB (wanted $wanted, $before before and after this run)"
}

# To be called on exit.
setup_undo()
{
	[ -n "$setup_huge_pages_before" ] || return 0
	echo "$setup_huge_pages_before" >"$setup_huge_pages_file" || true
	setup_huge_pages_before=
}

# setup_configure DIRECTORY OPTION...: unless it is. Quiet unless it fails.
setup_configure()
{
	local directory=$1

	shift
	[ -e "$directory/build.ninja" ] && return 0
	rm -rf "$directory"
	meson setup "$directory" "$@" >/dev/null || {
		tail -n 40 "$directory/meson-logs/meson-log.txt" >&2
		return 1
	}
}

# setup_build DIRECTORY [TARGET...]: quiet unless it fails.
setup_build()
{
	ninja --quiet -C "$@" | sed '/^ninja: no work to do\.$/d'
}
