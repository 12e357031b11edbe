/*
 * A PCI device for link pci: whether it is a NIC, and whether DPDK could have it as it stands. Only
 * files are looked at, below `root`, which is "" but in tests.
 */
#include "node/host_internal.h"

#include <dirent.h>
#include <errno.h>
#include <linux/capability.h>
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

/* By these DPDK drives a NIC beside the kernel, and a module more gives it the device for that. */
static const struct {
	const char *driver, *module;
} beside[] = {{"mlx5_core", "mlx5_ib"}, {"mlx4_core", "mlx4_ib"}, {"mana", "mana_ib"}};

static const char *module_beside(const char *driver)
{
	for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++)
		if (!strcmp(driver, beside[i].driver))
			return beside[i].module;
	return NULL;
}

/* The name of the first of what a directory of the device's has; "": there is none. */
static void first_in(char out[64], const char *root, const char *pci, const char *name)
{
	char path[NIC_PATH_MAX];
	const struct dirent *entry;
	DIR *directory;

	path_of(path, root, pci, name);
	out[0] = '\0';
	directory = opendir(path);
	while (directory && !out[0] && (entry = readdir(directory)))
		if (entry->d_name[0] != '.')
			snprintf(out, 64, "%.63s", entry->d_name);
	if (directory)
		closedir(directory);
}

static bool may_open(const char *path)
{
	return access(path, R_OK | W_OK) == 0;
}

static void not_usable(const char *pci, const char *path, int error, struct host_finding *f)
{
	host_wrong(f, "network.pci: %s: this process may not use %s: %s: chown it to quoind's user",
		   pci, path, strerror(error));
}

/*
 * Without an IOMMU a driver tells the NIC where memory really is, which the kernel tells nobody but
 * who has CAP_SYS_ADMIN; and the file that stands for none takes CAP_SYS_RAWIO.
 */
static bool may_without_iommu(const char *pci, bool raw, struct host_finding *f)
{
	if (host_may(CAP_SYS_ADMIN) && (!raw || host_may(CAP_SYS_RAWIO)))
		return true;
	host_wrong(
		f,
		"network.pci: %s is used without an IOMMU, which takes CAP_SYS_ADMIN%s, and this "
		"process does not have that: run it as root, or set intel_iommu=on on the "
		"kernel's command line and vfio-pci as its driver_override",
		pci, raw ? " and CAP_SYS_RAWIO" : "");
	return false;
}

static void look_uio(const char *root, const char *pci, const char *driver, struct host_finding *f)
{
	char uio[64], path[NIC_PATH_MAX];

	first_in(uio, root, pci, "uio");
	snprintf(path, sizeof(path), "%s/dev/%s", root, uio[0] ? uio : "uio");
	if (!may_open(path)) {
		not_usable(pci, path, errno, f);
		return;
	}
	path_of(path, root, pci, "config");
	if (!may_open(path))
		not_usable(pci, path, errno, f);
	else if (may_without_iommu(pci, false, f))
		host_good(f, "%s, with the kernel's driver %s, by %s", pci, driver, uio);
}

static void look_verbs(const char *root, const char *pci, const char *driver,
		       struct host_finding *f)
{
	char verbs[64], path[NIC_PATH_MAX];

	first_in(verbs, root, pci, "infiniband_verbs");
	if (!verbs[0]) {
		host_wrong(f,
			   "network.pci: %s has no device in /dev/infiniband, by which DPDK drives "
			   "it beside %s: modprobe %s, and ib_uverbs",
			   pci, driver, module_beside(driver));
		return;
	}
	snprintf(path, sizeof(path), "%s/dev/infiniband/%s", root, verbs);
	if (!may_open(path))
		not_usable(pci, path, errno, f);
	else
		host_good(f, "%s, beside the kernel's driver %s, by %s", pci, driver, verbs);
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
	if (may_open(path)) {
		host_good(f, "%s, with vfio-pci, group %s", pci, group);
		return;
	}
	if (may_open(other)) {
		if (may_without_iommu(pci, true, f))
			host_good(f, "%s, with vfio-pci, group %s, without an IOMMU", pci, group);
		return;
	}
	error = errno;
	if (access(path, F_OK) != 0 && access(other, F_OK) == 0)
		snprintf(path, sizeof(path), "%s", other);
	else if (access(path, F_OK) == 0 && !may_open(path))
		error = errno;
	not_usable(pci, path, error, f);
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
	else if (module_beside(driver))
		look_verbs(root, pci, driver, f);
	else if (!strcmp(driver, "igb_uio") || !strcmp(driver, "uio_pci_generic"))
		look_uio(root, pci, driver, f);
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
