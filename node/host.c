/*
 * All the looks at a host, one after the other.
 */
#include "node/host_internal.h"

#include "base/exits.h"

static const struct {
	const char *what;
	void (*look)(const struct config *c, struct host_finding *f);
} looks[] = {
	{"cpus", host_cpus},
	{"memory", host_memory},
	{"limits", host_limits},
	{"io_uring", host_io_uring},
	{"descriptors", host_descriptors},
	{"threads", host_threads},
	{"file size", host_file_size},
	{"data-dir", host_directory},
	{"data-dir's owner", host_owner},
	{"space", host_space},
	{"admin-socket", host_admin_socket},
	{"link", host_link},
	{"rights", host_link_rights},
	{"address", host_address},
	{"metrics", host_metrics},
};

int host_check(const struct config *c, host_tell *tell, void *context)
{
	int status = EXITS_DONE;

	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
		struct host_finding f = {.what = looks[i].what};

		looks[i].look(c, &f);
		if (f.wrong && (status == EXITS_DONE || f.status))
			status = f.status ? f.status : QUOIND_START;
		if (f.text[0])
			tell(context, &f);
	}
	return status;
}

const char *host_unseen(void)
{
	return "whether a driver takes the device and its queues, which a start alone can tell\n"
	       "whether another host has this address, and whether the other members are reached\n"
	       "whether by the log that is in data-dir this member's address is another one's\n"
	       "whether the log that is in data-dir is whole: quoin-wal verify DIR\n"
	       "limits that a service manager, a container or a cgroup sets for another process\n";
}
