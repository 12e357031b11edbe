/*
 * quoinctl on a cluster beside etcdctl on an etcd: the same script of commands through both prints
 * the same, in each form, but for ids and terms.
 */
#ifndef TESTS_E2E_ETCDCTL_H
#define TESTS_E2E_ETCDCTL_H

#include "tests/e2e/cluster.h"

/* Skips the test where etcd or etcdctl is not installed. Nobody else writes to the cluster. */
void etcdctl_compare(struct cluster *c, uint32_t node);

/* quoinctl check equality and endpoint hashkv, asked of each member after a write through it. */
void etcdctl_has_no_check(struct cluster *c);

#endif
