/*
 * Which PCI devices --check takes for link pci: on a directory like the kernel's, and on this
 * host's own.
 */
#include "node/host_internal.h"

#include "tests/unit/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PCI "0000:01:00.0"
#define DEVICE "sys/bus/pci/devices/" PCI

static char root[64];

/* Below the root, with what is above it; then `path` is where. */
static const char *below(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	for (char *at = path + strlen(root) + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		(void)mkdir(path, 0755);
		*at = '/';
	}
	return path;
}

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(below(name), "we");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void point(const char *name, const char *to)
{
	const char *path = below(name);

	(void)unlink(path);
	if (to)
		assert_int_equal(symlink(to, path), 0);
}

static struct host_finding look(void)
{
	struct host_finding f = {.what = "link"};

	host_nic(root, PCI, &f);
	return f;
}

enum verdict { GOOD, DOUBTFUL, WRONG };

static void expect(enum verdict verdict, const char *words)
{
	struct host_finding f = look();

	if (f.wrong != (verdict == WRONG) || f.doubtful != (verdict == DOUBTFUL) ||
	    !strstr(f.text, words))
		fail_msg("not \"%s\": %d %d %s", words, f.wrong, f.doubtful, f.text);
}

static void has_driver(const char *name)
{
	char to[128];

	snprintf(to, sizeof(to), "../../../../bus/pci/drivers/%s", name ? name : "");
	point(DEVICE "/driver", name ? to : NULL);
}

/* F23: with one capability less than this process has. */
static bool wrong_without(int capability)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if (syscall(__NR_capget, &header, data))
			_exit(2);
		data[CAP_TO_INDEX(capability)].effective &= ~CAP_TO_MASK(capability);
		if (syscall(__NR_capset, &header, data))
			_exit(2);
		_exit(look().wrong);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_not_equal(WEXITSTATUS(status), 2);
	return WEXITSTATUS(status) == 1;
}

static void F23_drivers_beside_and_without_an_iommu(void **state)
{
	static const char *const besides[] = {"mlx5_core", "mlx4_core", "mana"};
	static const char *const uios[] = {"igb_uio", "uio_pci_generic"};

	(void)state;
	snprintf(root, sizeof(root), "/tmp/quoin-nic-XXXXXX");
	assert_non_null(mkdtemp(root));
	write_file(DEVICE "/class", "0x020000\n");
	for (size_t i = 0; i < sizeof(besides) / sizeof(besides[0]); i++) {
		has_driver(besides[i]);
		expect(WRONG, "has no device in /dev/infiniband");
	}
	write_file(DEVICE "/infiniband_verbs/uverbs3/dev", "231:195\n");
	expect(WRONG, "/dev/infiniband/uverbs3: No such file or directory: chown it");
	write_file("dev/infiniband/uverbs3", "");
	expect(GOOD, "beside the kernel's driver mana, by uverbs3");
	for (size_t i = 0; i < sizeof(uios) / sizeof(uios[0]); i++) {
		has_driver(uios[i]);
		expect(WRONG, "may not use ");
	}
	write_file(DEVICE "/uio/uio4/name", "");
	expect(WRONG, "/dev/uio4: No such file or directory: chown it");
	write_file("dev/uio4", "");
	expect(WRONG, DEVICE "/config: No such file or directory: chown it");
	write_file(DEVICE "/config", "");
	expect(host_may(CAP_SYS_ADMIN) ? GOOD : WRONG, host_may(CAP_SYS_ADMIN) ? "uio4" : "");
	assert_true(wrong_without(CAP_SYS_ADMIN));
	has_driver("vfio-pci");
	point(DEVICE "/iommu_group", "../../../kernel/iommu_groups/12");
	write_file("dev/vfio/noiommu-12", "");
	assert_true(wrong_without(CAP_SYS_ADMIN));
	assert_true(wrong_without(CAP_SYS_RAWIO));
	assert_int_equal(look().wrong, !host_may(CAP_SYS_ADMIN) || !host_may(CAP_SYS_RAWIO));
}

static void F23_a_pci_device_is_good_if_DPDK_could_have_it(void **state)
{
	(void)state;
	snprintf(root, sizeof(root), "/tmp/quoin-nic-XXXXXX");
	assert_non_null(mkdtemp(root));
	expect(WRONG, "there is no device " PCI);
	write_file(DEVICE "/class", "0x010802\n");
	has_driver("nvme");
	expect(WRONG, PCI " is no network device (its class is 010802)");
	has_driver("vfio-pci");
	expect(WRONG, " is no network device");
	write_file(DEVICE "/class", "0x020000\n");
	has_driver("ixgbe");
	expect(WRONG, "the kernel's driver ixgbe has " PCI);
	has_driver(NULL);
	expect(DOUBTFUL, PCI " has no driver");
	has_driver("vfio-pci");
	expect(WRONG, "is in no group of an IOMMU");
	point(DEVICE "/iommu_group", "../../../kernel/iommu_groups/12");
	expect(WRONG, "/dev/vfio/12: No such file");
	write_file("dev/vfio/12", "");
	expect(GOOD, "with vfio-pci, group 12");
	assert_int_equal(unlink(below("dev/vfio/12")), 0);
	/* That of another user, if this one is not root, whom nothing is denied. */
	write_file("dev/vfio/12", "");
	assert_int_equal(chmod(below("dev/vfio/12"), 0), 0);
	if (geteuid() != 0)
		expect(WRONG, "/dev/vfio/12: Permission denied: chown it");
	/* A VF of an InfiniBand card, which is a network controller too. */
	write_file(DEVICE "/class", "0x020700\n");
	has_driver("mlx5_core");
	expect(WRONG, "beside mlx5_core: modprobe mlx5_ib, and ib_uverbs");
}

static void remove_all(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char name[512];

	while (dir && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		if (entry->d_type == DT_DIR)
			remove_all(name);
		else
			(void)unlink(name);
	}
	if (dir)
		closedir(dir);
	(void)rmdir(path);
}

static int clean(void **state)
{
	(void)state;
	remove_all(root);
	return 0;
}

/* Of this host's devices none is called good that is no NIC. */
static void F23_devices_of_this_host(void **state)
{
	DIR *dir = opendir("/sys/bus/pci/devices");
	struct dirent *entry;

	(void)state;
	while (dir && (entry = readdir(dir))) {
		struct host_finding f = {.what = "link"};
		char path[320], text[16] = "";
		int fd;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/class", entry->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		assert_true(read(fd, text, sizeof(text) - 1) > 0);
		close(fd);
		host_nic("", entry->d_name, &f);
		printf("# %s\n", f.text);
		assert_int_equal(!!strstr(f.text, "is no network device"),
				 strncmp(text, "0x02", 4) != 0);
		if (strncmp(text, "0x02", 4) != 0)
			assert_true(f.wrong);
	}
	if (dir)
		closedir(dir);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(F23_a_pci_device_is_good_if_DPDK_could_have_it, clean),
		cmocka_unit_test_teardown(F23_drivers_beside_and_without_an_iommu, clean),
		cmocka_unit_test(F23_devices_of_this_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
