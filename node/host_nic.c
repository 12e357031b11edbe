/*
 * A PCI device for link pci: whether it is a NIC, and whether DPDK could have it as it stands. Only
 * files are looked at, below `root`, which is "" but in tests.
 */
#include "node/host_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { NIC_PATH_MAX = 320, CLASS_NETWORK = 0x02 /* of 0x02ssii: its first byte */ };

/* A file of the device's; "" as name: its directory. */
static void path_of(char out[NIC_PATH_MAX], const char *root, const char *pci, const char *name)
{
	snprintf(out, NIC_PATH_MAX, "%s/sys/bus/pci/devices/%s/%s", root, pci, name);
}

static bool class_of(const char *root, const char *pci, unsigned int *class)
{
	char path[NIC_PATH_MAX];
	FILE *file;
	bool read;

	path_of(path, root, pci, "class");
	file = fopen(path, "re");
	read = file && fscanf(file, "%x", class) == 1;
	if (file)
		fclose(file);
	return read;
}

/* The last part of what a link there points to; "": there is none. */
static void link_of(char out[64], const char *root, const char *pci, const char *name)
{
	char path[NIC_PATH_MAX], to[NIC_PATH_MAX];
	const char *last;
	ssize_t size;

	path_of(path, root, pci, name);
	size = readlink(path, to, sizeof(to) - 1);
	to[size > 0 ? size : 0] = '\0';
	last = strrchr(to, '/');
	snprintf(out, 64, "%.63s", last ? last + 1 : to);
}

/* By these DPDK drives a NIC beside the kernel. */
static bool stays_with(const char *driver)
{
	return !strcmp(driver, "mlx5_core") || !strcmp(driver, "mlx4_core") ||
	       !strcmp(driver, "mana");
}

static bool may_open(const char *path)
{
	return access(path, R_OK | W_OK) == 0;
}

/* The group's file; without an IOMMU, where that is allowed, it has another name. */
static void look_vfio(const char *root, const char *pci, struct host_finding *f)
{
	char group[64], path[NIC_PATH_MAX], other[NIC_PATH_MAX];
	int error;

	link_of(group, root, pci, "iommu_group");
	if (!group[0]) {
		host_wrong(f,
			   "network.pci: %s is in no group of an IOMMU, which vfio-pci needs: "
			   "intel_iommu=on on the kernel's command line, and the BIOS",
			   pci);
		return;
	}
	snprintf(other, sizeof(other), "%s/dev/vfio/noiommu-%s", root, group);
	snprintf(path, sizeof(path), "%s/dev/vfio/%s", root, group);
	if (may_open(path) || may_open(other)) {
		host_good(f, "%s, with vfio-pci, group %s", pci, group);
		return;
	}
	error = errno;
	if (access(path, F_OK) != 0 && access(other, F_OK) == 0)
		snprintf(path, sizeof(path), "%s", other);
	else if (access(path, F_OK) == 0 && !may_open(path))
		error = errno;
	host_wrong(f, "network.pci: %s: this process may not use %s: %s: chown it to quoind's user",
		   pci, path, strerror(error));
}

void host_nic(const char *root, const char *pci, struct host_finding *f)
{
	char path[NIC_PATH_MAX], driver[64];
	unsigned int class = 0;

	path_of(path, root, pci, "");
	if (access(path, F_OK) != 0) {
		host_wrong(f, "network.pci: there is no device %s: lspci -D lists them", pci);
		return;
	}
	if (class_of(root, pci, &class) && class >> 16 != CLASS_NETWORK) {
		host_wrong(f,
			   "network.pci: %s is no network device (its class is %06x): lspci -D "
			   "lists them",
			   pci, class);
		return;
	}
	link_of(driver, root, pci, "driver");
	if (!strcmp(driver, "vfio-pci"))
		look_vfio(root, pci, f);
	else if (stays_with(driver) || !strcmp(driver, "igb_uio") ||
		 !strcmp(driver, "uio_pci_generic"))
		host_good(f, "%s, with the kernel's driver %s", pci, driver);
	else if (driver[0])
		host_wrong(f,
			   "network.pci: the kernel's driver %s has %s: DPDK takes it from "
			   "vfio-pci: set that as its driver_override (docs/deploy.md, 4)",
			   driver, pci);
	else
		host_doubtful(
			f,
			"network.pci: %s has no driver, and most NICs are taken from vfio-pci "
			"alone: set that as its driver_override (docs/deploy.md, 4)",
			pci);
}
