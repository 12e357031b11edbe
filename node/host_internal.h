/*
 * One look at a time: shared by the files of host.h.
 */
#ifndef NODE_HOST_INTERNAL_H
#define NODE_HOST_INTERNAL_H

#include "node/host.h"

/* The finding is good, doubtful, or wrong, in these words. */
__attribute__((format(printf, 2, 3))) void host_good(struct host_finding *f, const char *format,
						     ...);
__attribute__((format(printf, 2, 3))) void host_doubtful(struct host_finding *f, const char *format,
							 ...);
__attribute__((format(printf, 2, 3))) void host_wrong(struct host_finding *f, const char *format,
						      ...);

/* host_finding.c: whether this process has a capability. */
bool host_may(int capability);

/* An empty text means that there was nothing to look at. host_machine.c: */
void host_cpus(const struct config *c, struct host_finding *f);
void host_limits(const struct config *c, struct host_finding *f);
void host_memory(const struct config *c, struct host_finding *f);
void host_io_uring(const struct config *c, struct host_finding *f);
void host_threads(const struct config *c, struct host_finding *f);

/* host_files.c: files may be made in it, or the finding says why not; and where a path ends. */
bool host_writable(const char *key, const char *directory, struct host_finding *f);
void host_parent(const char *path, char out[CONFIG_PATH_MAX]);
void host_directory(const struct config *c, struct host_finding *f);
void host_space(const struct config *c, struct host_finding *f);
void host_file_size(const struct config *c, struct host_finding *f);
void host_descriptors(const struct config *c, struct host_finding *f);
void host_admin_socket(const struct config *c, struct host_finding *f);
void host_metrics(const struct config *c, struct host_finding *f);

/* host_owner.c */
void host_owner(const struct config *c, struct host_finding *f);

/* host_network.c */
void host_link(const struct config *c, struct host_finding *f);
void host_link_rights(const struct config *c, struct host_finding *f);
void host_address(const struct config *c, struct host_finding *f);

/* host_nic.c: `root` is before /sys and /dev. */
void host_nic(const char *root, const char *pci, struct host_finding *f);

#endif
