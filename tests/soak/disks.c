#include "tests/soak/disks.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

void disks_mount(struct disks *d, struct cluster *c)
{
	char place[200], beneath[200];

	*d = (struct disks){0};
	for (uint32_t node = 1; node <= c->nodes; node++) {
		cluster_lab(c, "kill %" PRIu32 " --signal TERM", node);
		snprintf(place, sizeof(place), "%s/n%" PRIu32, c->dir, node);
		snprintf(beneath, sizeof(beneath), "%s/n%" PRIu32 ".beneath", c->dir, node);
		assert(rename(place, beneath) == 0);
		disk_mount(&d->disk[node - 1], place, beneath);
		cluster_lab(c, "restart %" PRIu32, node);
	}
}

void disks_unmount(struct disks *d)
{
	for (uint32_t i = 0; i < CLUSTER_NODES_MAX; i++)
		disk_unmount(&d->disk[i]);
}
