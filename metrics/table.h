/*
 * The one table of what a node tells of itself. From it come struct metrics, the status text, what
 * quoinctl shows of that, and the Prometheus text: a number is added here and in node/metrics.c.
 *
 *	X(field, kind, scale, key, name, label, help)
 *
 * key is the word in the status text, name and label what Prometheus calls it; NULL leaves it out,
 * in the tables of the node alone: a row for each peer or port has all three.
 * scale is how many of the field's units make one of the name's: fields are whole numbers, names
 * have seconds and bytes. Rows of one name stand together. Where etcd has the notion, the name and
 * the meaning are etcd's; what is quoin's own begins with quoin_.
 *
 * LOSS is a counter of frames that did not get through: quoinctl status adds them up (F11).
 * UNTYPED is for those of etcd's names that break the rules for the names of their type.
 */
#ifndef METRICS_TABLE_H
#define METRICS_TABLE_H

/* A sentence of a node's, of 512 bytes at most: half of one would be a wrong one. */
enum { METRICS_WAITING_MAX = 512 };

/* clang-format off */

/* X(field, size, key, name, label, help): words. In Prometheus a 1, with the word in a label. */
#define METRICS_WORDS(X) \
	X(name, 64, "name", "quoin_server_name", "server_name", "The name of this member.") \
	X(cluster_id, 17, "cluster_id", "quoin_cluster_id", "cluster_id", "The cluster's id, in hexadecimal.") \
	X(member_id, 17, "member_id", "etcd_server_id", "server_id", "This member's id, in hexadecimal.") \
	X(version, 32, "version", "etcd_server_version", "server_version", "The version that runs.") \
	X(formation, 16, "formation", NULL, NULL, "How far the cluster is formed for this member: fresh, accepted, formed, refused, joined, removed or forced.") \
	X(identity, 17, "identity", NULL, NULL, "Drawn when the data directory was created, in hexadecimal.") \
	X(role, 16, "role", "quoin_raft_role", "role", "What this member is: follower, precandidate, candidate, leader or learner.") \
	X(leader, 17, "leader", "quoin_raft_leader_id", "leader_id", "The id of the leader, in hexadecimal; zero: none is known.") \
	X(durability, 16, "durability", "quoin_wal_durability", "durability", "What an acknowledged write rests on.") \
	X(link, 32, "link", "quoin_network_link", "link", "How frames travel.") \
	X(auth, 8, "auth", NULL, NULL, "Whether clients prove who they are.") \
	X(hash, 17, "hash", NULL, NULL, "Of the whole state: equal on members that have applied the same index.") \
	X(waiting, METRICS_WAITING_MAX, "waiting", NULL, NULL, "What the node waits for before it takes part.")

#define METRICS_VALUES(X) \
	X(has_leader, GAUGE, 1, "has_leader", "etcd_server_has_leader", NULL, "Whether a leader is known: 1 or 0.") \
	X(is_leader, GAUGE, 1, "is_leader", "etcd_server_is_leader", NULL, "Whether this member leads: 1 or 0.") \
	X(is_learner, GAUGE, 1, "is_learner", "etcd_server_is_learner", NULL, "Whether this member is a learner, which does not vote: 1 or 0.") \
	X(priority, GAUGE, 1, "election_priority", "quoin_raft_election_priority", NULL, "This member's election-priority: who leads rather than others.") \
	X(leader_changes, COUNTER, 1, "leader_changes", "etcd_server_leader_changes_seen_total", NULL, "Changes of leader seen.") \
	X(commit, COUNTER, 1, "commit_index", "etcd_server_proposals_committed_total", NULL, "The index up to which the log is committed.") \
	X(applied, COUNTER, 1, "raft_applied_index", "etcd_server_proposals_applied_total", NULL, "The index up to which the log is applied.") \
	X(pending, GAUGE, 1, "proposals_pending", "etcd_server_proposals_pending", NULL, "Commands of this member's clients that wait for their commit.") \
	X(proposals_failed, COUNTER, 1, "proposals_failed", "etcd_server_proposals_failed_total", NULL, "Commands that ran out of time, or found no leader.") \
	X(reads_failed, COUNTER, 1, "reads_failed", "etcd_server_read_indexes_failed_total", NULL, "Linearizable reads that ran out of time, or found no leader.") \
	X(lease_reads, COUNTER, 1, "lease_reads", "quoin_raft_lease_reads_total", NULL, "Reads that this member, as the leader, confirmed under a lease, without asking the others.") \
	X(quota, GAUGE, 1, "quota", "etcd_server_quota_backend_bytes", NULL, "How large the store may grow.") \
	X(term, GAUGE, 1, "raft_term", "quoin_raft_term", NULL, "The current term.") \
	X(last, GAUGE, 1, "raft_index", "quoin_raft_last_index", NULL, "The index of the last entry of the log.") \
	X(durable, GAUGE, 1, "durable_index", "quoin_raft_durable_index", NULL, "The index up to which this member's log is durable.") \
	X(incarnation, GAUGE, 1, "incarnation", NULL, NULL, "Of this start.") \
	X(elections_started, COUNTER, 1, "elections_started", "quoin_raft_elections_started_total", NULL, "Elections in which this member stood.") \
	X(elections_won, COUNTER, 1, "elections_won", "quoin_raft_elections_won_total", NULL, "Elections that this member won.") \
	X(raft_malformed, COUNTER, 1, "raft_malformed", "quoin_raft_refused_messages_total", "cause=\"malformed\"", "Messages of members that the core refused, by cause.") \
	X(raft_unknown, COUNTER, 1, "raft_unknown", "quoin_raft_refused_messages_total", "cause=\"unknown_member\"", "") \
	X(raft_identity, COUNTER, 1, "raft_identity", "quoin_raft_refused_messages_total", "cause=\"other_identity\"", "") \
	X(raft_stale, COUNTER, 1, "raft_stale", "quoin_raft_refused_messages_total", "cause=\"stale\"", "") \
	X(raft_far, COUNTER, 1, "raft_far", "quoin_raft_refused_messages_total", "cause=\"too_far_ahead\"", "") \
	X(raft_disturbs, COUNTER, 1, "raft_disturbs", "quoin_raft_refused_messages_total", "cause=\"leader_is_heard\"", "") \
	X(raft_unasked, COUNTER, 1, "raft_unasked", "quoin_raft_refused_messages_total", "cause=\"never_asked\"", "") \
	X(raft_contradicts, COUNTER, 1, "raft_contradicts", "quoin_raft_refused_messages_total", "cause=\"contradicts\"", "") \
	X(wal_bytes, COUNTER, 1, "wal_bytes", "etcd_disk_wal_write_bytes_total", NULL, "Bytes written to the log.") \
	X(wal_writes, COUNTER, 1, "wal_writes", "quoin_wal_writes_total", NULL, "Writes of the log that completed.") \
	X(wal_entries, COUNTER, 1, "wal_entries", "quoin_wal_entries_total", NULL, "Entries appended to the log.") \
	X(wal_segments, GAUGE, 1, "wal_segments", "quoin_wal_segments", NULL, "Segments in the data directory.") \
	X(wal_reused, COUNTER, 1, "wal_reused", "quoin_wal_segments_reused_total", NULL, "Segments that were prepared out of former ones.") \
	X(log_bytes, GAUGE, 1, "log_bytes", "quoin_wal_size_bytes", NULL, "Bytes that the log takes on the disk.") \
	X(recovered_index, GAUGE, 1, "recovered_index", "quoin_wal_recovered_index", NULL, "The last index of the log as this start found it: all up to it was read back.") \
	X(wal_marks, COUNTER, 1, "wal_marks", "quoin_wal_marks_total", NULL, "Marks of the log's end that were written.") \
	X(wal_torn_bytes, GAUGE, 1, "wal_torn_bytes", "quoin_wal_recovery_torn_bytes", NULL, "Bytes of a write that was cut short, which recovery cut from the log's end.") \
	X(wal_decayed, GAUGE, 1, "wal_decayed", "quoin_wal_recovery_decayed_units", NULL, "Units past the log's end that were not zero or not readable; recovery zeroed them again.") \
	X(wal_vote_torn, GAUGE, 1, "wal_vote_torn", "quoin_wal_recovery_vote_torn", NULL, "Whether recovery found a write of term and vote that was cut short: 1 or 0.") \
	X(wal_mark_damaged, GAUGE, 1, "wal_mark_damaged", "quoin_wal_recovery_mark_damaged_slots", NULL, "Slots of the mark of the log's end that held none when recovery read them; written again.") \
	X(wal_put_off, COUNTER, 1, "wal_put_off", "quoin_wal_put_off_total", NULL, "Operations of the log, and submissions of them, that the kernel put off, and was asked for again.") \
	X(disk_waiting_ms, GAUGE, 1000, "disk_waiting_ms", "quoin_disk_waiting_seconds", NULL, "The age of the oldest write in flight that acknowledgements or votes wait for, or of the oldest read.") \
	X(disk_stalled, GAUGE, 1, "disk_stalled", "quoin_disk_stalled", NULL, "Whether it is older than disk-stall-timeout: 1 or 0. If it is a write, such a member neither votes nor campaigns.") \
	X(disk_stalls, COUNTER, 1, "disk_stalls", "quoin_disk_stalls_total", NULL, "How often the disk was stalled.") \
	X(disk_slow, GAUGE, 1, "disk_slow", "quoin_disk_slow", NULL, "Whether too many of the last writes took longer than half of election-timeout: 1 or 0.") \
	X(disk_slow_writes, COUNTER, 1, "disk_slow_writes", "quoin_disk_slow_writes_total", NULL, "Writes that took longer than that.") \
	X(disk_full, GAUGE, 1, "disk_full", "quoin_disk_full", NULL, "Whether the next segment of the log cannot be made, for want of space or else, so that writes are refused: 1 or 0.") \
	X(disk_fulls, COUNTER, 1, "disk_fulls", "quoin_disk_fulls_total", NULL, "How often that began.") \
	X(disk_low, GAUGE, 1, "disk_low", "quoin_disk_low", NULL, "Whether nine tenths of the file system, or of data-dir-quota, are used: 1 or 0.") \
	X(disk_free_bytes, GAUGE, 1, "disk_free_bytes", "quoin_disk_free_bytes", NULL, "What the log's file system, or data-dir-quota, had left for it when that was last looked at.") \
	X(disk_used_bytes, GAUGE, 1, "disk_used_bytes", "quoin_disk_used_bytes", NULL, "What the log's files took then.") \
	X(disk_quota_bytes, GAUGE, 1, "disk_quota_bytes", "quoin_disk_quota_bytes", NULL, "How much they may take by data-dir-quota; 0: all that the file system has.") \
	X(log_first_index, GAUGE, 1, "log_first_index", "quoin_wal_first_index", NULL, "The first index that the log still has: what is before is in snapshots.") \
	X(snapshot_index, GAUGE, 1, "snapshot_index", "quoin_snapshot_index", NULL, "Up to which index the newest snapshot here holds the state; 0: there is none.") \
	X(snapshot_bytes, GAUGE, 1, "snapshot_bytes", "quoin_snapshot_size_bytes", NULL, "How large its file is.") \
	X(snapshots, COUNTER, 1, "snapshots", "quoin_snapshots_total", NULL, "Snapshots that were written.") \
	X(snapshot_failures, COUNTER, 1, "snapshot_failures", "quoin_snapshot_failures_total", NULL, "Snapshots that were begun and given up.") \
	X(snapshot_ms, COUNTER, 1000, "snapshot_ms", "quoin_snapshot_duration_seconds_total", NULL, "How long those that were written took together.") \
	X(install_index, GAUGE, 1, "install_index", "quoin_install_index", NULL, "Of which index a snapshot of another member is being installed; 0: none is.") \
	X(install_bytes, GAUGE, 1, "install_bytes", "quoin_install_bytes", NULL, "How much of it is here, or of the state that is made of it.") \
	X(install_size, GAUGE, 1, "install_size", "quoin_install_size_bytes", NULL, "How large it is.") \
	X(installs, COUNTER, 1, "installs", "quoin_installs_total", NULL, "Snapshots of other members that were installed.") \
	X(pulled_bytes, COUNTER, 1, "pulled_bytes", "quoin_snapshot_pulled_bytes_total", NULL, "Bytes of snapshots that were received from other members.") \
	X(pulls_bytes, COUNTER, 1, "pulls_bytes", "quoin_snapshot_served_bytes_total", NULL, "Bytes of snapshots that were sent to other members.") \
	X(diverged, GAUGE, 1, "diverged", "quoin_diverged", NULL, "Whether this member's state is not the one that the majority has, by its snapshot's hash, so that it answers nothing from it: 1 or 0.") \
	X(snapshots_differ, GAUGE, 1, "snapshots_differ", "quoin_snapshots_differ", NULL, "Whether the members' snapshots of one index differ and no majority has the same: 1 or 0.") \
	X(revision, GAUGE, 1, "revision", "etcd_debugging_mvcc_current_revision", NULL, "The store's revision.") \
	X(compact_revision, GAUGE, 1, "compact_revision", "etcd_debugging_mvcc_compact_revision", NULL, "The revision of the last compaction: what is older than it is gone, but the newest of each key; 0: there was none.") \
	X(auto_compactions, COUNTER, 1, "auto_compactions", "quoin_auto_compactions_total", NULL, "Compactions that this member, as the leader, had by auto-compaction-retention.") \
	X(keys, UNTYPED, 1, "keys", "etcd_debugging_mvcc_keys_total", NULL, "How many keys there are.") \
	X(puts, COUNTER, 1, "puts", "etcd_mvcc_put_total", NULL, "Puts applied by this member.") \
	X(deletes, COUNTER, 1, "deletes", "etcd_mvcc_delete_total", NULL, "Deletes applied by this member, of a key or a range.") \
	X(ranges, COUNTER, 1, "ranges", "etcd_mvcc_range_total", NULL, "Ranges answered by this member, of a key or more.") \
	X(db_size, GAUGE, 1, "db_size", "etcd_mvcc_db_total_size_in_bytes", NULL, "Bytes of the store.") \
	X(db_size_in_use, GAUGE, 1, "db_size_in_use", "etcd_mvcc_db_total_size_in_use_in_bytes", NULL, "Bytes of the store that are in use: all of them, for it is kept in memory.") \
	X(requests_open, GAUGE, 1, "requests_open", "quoin_requests_open", NULL, "Requests that are not answered yet.") \
	X(commands, COUNTER, 1, "commands", "quoin_requests_total", "kind=\"command\"", "Requests of this member's clients, by kind.") \
	X(queries, COUNTER, 1, "queries", "quoin_requests_total", "kind=\"query\"", "") \
	X(answers, COUNTER, 1, "answers", "quoin_requests_answered_total", NULL, "Answers given, refusals included.") \
	X(forwarded, COUNTER, 1, "forwarded", "quoin_requests_forwarded_total", NULL, "Commands sent on to the leader.") \
	X(timeouts, COUNTER, 1, "timeouts", "quoin_requests_timed_out_total", NULL, "Requests that ran out of time.") \
	X(refused_busy, COUNTER, 1, "requests_refused", "quoin_requests_refused_total", "cause=\"busy\"", "Requests refused at the door, by cause.") \
	X(refused_share, COUNTER, 1, "refused_share", "quoin_requests_refused_total", "cause=\"share\"", "") \
	X(refused_socket, COUNTER, 1, "refused_socket", "quoin_requests_refused_total", "cause=\"admin_socket_full\"", "") \
	X(refused_cookie, COUNTER, 1, "refused_cookie", "quoin_requests_refused_total", "cause=\"cookie\"", "") \
	X(refused_buffer, COUNTER, 1, "refused_buffer", "quoin_requests_refused_total", "cause=\"buffer\"", "") \
	X(udp_malformed, COUNTER, 1, "malformed_packets", "quoin_requests_refused_total", "cause=\"malformed_packet\"", "") \
	X(serve_malformed, COUNTER, 1, "malformed_commands", "quoin_requests_refused_total", "cause=\"malformed_command\"", "") \
	X(socket_starved, GAUGE, 1, "socket_starved", "quoin_admin_socket_starved", NULL, "Whether there is no file descriptor for who connects to the admin socket: 1 or 0.") \
	X(streams, COUNTER, 1, "streams", "quoin_answers_streamed_total", NULL, "Answers of more than one piece.") \
	X(pushes, COUNTER, 1, "pushes", "quoin_answer_pieces_total", NULL, "Pieces of them.") \
	X(streams_cut, COUNTER, 1, "streams_cut", "quoin_answers_cut_total", NULL, "Answers that ended early: their revision could be kept no longer, or their reader was silent or had most, and others waited.") \
	X(malformed, COUNTER, 1, "malformed", "quoin_peer_malformed_messages_total", "kind=\"message\"", "Packets of members whose body could not be read, by kind.") \
	X(forward_malformed, COUNTER, 1, "malformed_forwards", "quoin_peer_malformed_messages_total", "kind=\"forward\"", "") \
	X(strangers_told, COUNTER, 1, "strangers_told", "quoin_peer_strangers_told_total", NULL, "Answers to who is of this cluster and no member there: removed, or elsewhere than the member table has it.") \
	X(over_seldom, COUNTER, 1, "asked_too_often", "quoin_peer_questions_over_total", NULL, "Questions of members that were not heard, for they came more often than members ask.") \
	X(rx_peer, COUNTER, 1, "rx_peer", "quoin_network_received_packets_total", "from=\"peers\"", "Packets that passed every check, by their sender.") \
	X(rx_client, COUNTER, 1, "rx_client", "quoin_network_received_packets_total", "from=\"clients\"", "") \
	X(tx_peer, COUNTER, 1, "tx_peer", "quoin_network_sent_packets_total", "to=\"peers\"", "Packets sent, by their receiver.") \
	X(tx_client, COUNTER, 1, "tx_client", "quoin_network_sent_packets_total", "to=\"clients\"", "") \
	X(arp_requests, COUNTER, 1, "arp_requests", "quoin_network_arp_requests_total", NULL, "Questions sent for a MAC address.") \
	X(arp_replies, COUNTER, 1, "arp_replies", "quoin_network_arp_replies_total", NULL, "Answers sent to questions for ours.") \
	X(arp_own, COUNTER, 1, "arp_own", "quoin_network_arp_own_total", NULL, "Announcements of our address, and probes for who else has it.") \
	X(icmp_echo, COUNTER, 1, "icmp_echo", "quoin_network_echo_replies_total", NULL, "Answers sent to ICMP echo requests.") \
	X(fault_rules, GAUGE, 1, "fault_rules", "quoin_fault_rules", NULL, "Fault rules in force: a test's.") \
	X(fault_rx, COUNTER, 1, "fault_dropped_rx", "quoin_fault_dropped_frames_total", "direction=\"rx\"", "Frames that a fault rule dropped.") \
	X(fault_tx, COUNTER, 1, "fault_dropped_tx", "quoin_fault_dropped_frames_total", "direction=\"tx\"", "") \
	X(fault_no_place, COUNTER, 1, "fault_no_place", "quoin_fault_dropped_frames_total", "direction=\"held\"", "") \
	X(fault_duplicated, COUNTER, 1, "fault_duplicated", "quoin_fault_changed_frames_total", "how=\"duplicated\"", "Frames to which a fault rule did something else.") \
	X(fault_delayed, COUNTER, 1, "fault_delayed", "quoin_fault_changed_frames_total", "how=\"delayed\"", "") \
	X(fault_reordered, COUNTER, 1, "fault_reordered", "quoin_fault_changed_frames_total", "how=\"reordered\"", "") \
	X(log_lines, COUNTER, 1, "log_lines", "quoin_log_lines_total", NULL, "Lines written to the log.") \
	X(log_left_out, COUNTER, 1, "log_left_out", "quoin_log_left_out_total", NULL, "Lines left out of the log because their event was too frequent.") \
	X(log_lost, COUNTER, 1, "log_lost", "quoin_log_lost_total", NULL, "Lines of the log that could not be written: its reader too slow or away, its disk full.") \
	X(turns, COUNTER, 1, "turns", "quoin_loop_turns_total", NULL, "Turns of the loop: a node that may sleep takes few while it is idle.") \
	X(uptime_ms, GAUGE, 1000, "uptime_ms", "quoin_uptime_seconds", NULL, "Since the loop began.")

/* Once for each other member: key=value in the line "peer NAME", a label with the member's id. */
#define METRICS_PEER_VALUES(X) \
	X(active, GAUGE, 1, "active", "etcd_network_active_peers", "Remote", "Whether the peer was heard within three seconds.") \
	X(sent_bytes, COUNTER, 1, "sent_bytes", "etcd_network_peer_sent_bytes_total", "To", "Bytes sent to the peer, their headers included.") \
	X(received_bytes, COUNTER, 1, "received_bytes", "etcd_network_peer_received_bytes_total", "From", "Bytes received from the peer, their headers included.") \
	X(tx_packets, COUNTER, 1, "tx_packets", "quoin_network_peer_sent_packets_total", "To", "Packets sent to the peer.") \
	X(rx_packets, COUNTER, 1, "rx_packets", "quoin_network_peer_received_packets_total", "From", "Packets received from the peer.") \
	X(heard_ms, GAUGE, 1000, "heard_ms", "quoin_peer_heard_seconds", "From", "How long ago the peer was last heard.") \
	X(answered_ms, GAUGE, 1000, "answered_ms", "quoin_peer_answered_seconds", "From", "How long ago the peer last told its settings, space and client port, which are as of then.") \
	X(heard_by_ms, GAUGE, 1000, "heard_by_ms", "quoin_peer_heard_by_seconds", "To", "How long ago the peer had last heard this member when it last said so.") \
	X(client_port, GAUGE, 1, "client_port", "quoin_peer_client_port", "To", "Where the peer hears clients, as it said.") \
	X(match, GAUGE, 1, "match", "quoin_raft_peer_match_index", "To", "On the leader: the index up to which the peer is known to be durable.") \
	X(next, GAUGE, 1, "next", "quoin_raft_peer_next_index", "To", "On the leader: the index that is sent to the peer next.") \
	X(append_us, GAUGE, 1000000, "append_us", "quoin_raft_peer_append_seconds", "To", "On the leader: the smoothed time from an append to its durable acknowledgement.") \
	X(resolved, GAUGE, 1, "resolved", "quoin_peer_resolved", "To", "Whether the MAC address on the way to the peer is known.") \
	X(path_mtu, GAUGE, 1, "path_mtu", "quoin_peer_path_mtu_bytes", "To", "The largest IP packet that is known to arrive at the peer, or the port's MTU.") \
	X(settings_differ, GAUGE, 1, "settings_differ", "quoin_peer_settings_differ", "From", "Whether the peer's timers or durability differ from ours.") \
	X(peer_full, GAUGE, 1, "disk_full", "quoin_peer_disk_full", "From", "Whether the peer said that it cannot make the next segment of its log: 1 or 0.") \
	X(refuses_us, GAUGE, 1, "refuses_us", "quoin_peer_refuses_this_member", "From", "Whether the peer knows this member by another identity.") \
	X(other_identity, GAUGE, 1, "other_identity", "quoin_peer_other_identity", "From", "Whether the peer shows an identity that is not the one the member table names.")

/* Once for each port: key=value in the line "port NAME". */
#define METRICS_PORT_VALUES(X) \
	X(up, GAUGE, 1, "up", "quoin_port_up", "port", "Whether the port's link is up.") \
	X(rx_frames, COUNTER, 1, "rx_frames", "quoin_port_received_frames_total", "port", "Frames received.") \
	X(rx_bytes, COUNTER, 1, "rx_bytes", "quoin_port_received_bytes_total", "port", "Bytes received.") \
	X(tx_frames, COUNTER, 1, "tx_frames", "quoin_port_sent_frames_total", "port", "Frames sent.") \
	X(tx_bytes, COUNTER, 1, "tx_bytes", "quoin_port_sent_bytes_total", "port", "Bytes sent.") \
	X(rx_missed, LOSS, 1, "rx_missed", "quoin_port_rx_missed_total", "port", "Frames for which the device had no room.") \
	X(rx_no_buffer, LOSS, 1, "rx_no_buffer", "quoin_port_rx_no_buffer_total", "port", "Frames for which the pool had no buffer.") \
	X(rx_segmented, LOSS, 1, "rx_segmented", "quoin_port_rx_segmented_total", "port", "Frames dropped for having several segments, or none.") \
	X(rx_tagged, LOSS, 1, "rx_tagged", "quoin_port_rx_tagged_total", "port", "Frames dropped for a VLAN tag that the kernel or the device had taken out of them.") \
	X(rx_errors, LOSS, 1, "rx_errors", "quoin_port_rx_errors_total", "port", "Frames that arrived damaged.") \
	X(tx_dropped, LOSS, 1, "tx_dropped", "quoin_port_tx_dropped_total", "port", "Frames that the device refused, or that its link was down for.") \
	X(link_changes, COUNTER, 1, "link_changes", "quoin_port_link_changes_total", "port", "Times that the link went up or down.") \
	X(buffers_free, GAUGE, 1, "buffers_free", "quoin_port_free_buffers", "port", "Buffers free in the port's pool.")

/* Known to the process and its HTTP thread by themselves: in the Prometheus text alone. */
#define METRICS_PROCESS_VALUES(X) \
	X(health_success, UNTYPED, 1, NULL, "etcd_server_health_success", NULL, "Health checks that succeeded.") \
	X(health_failures, UNTYPED, 1, NULL, "etcd_server_health_failures", NULL, "Health checks that failed.") \
	X(snapshot_age_ns, GAUGE, 1000000000, NULL, "quoin_metrics_age_seconds", NULL, "How old these numbers are; it grows when the loop stands still.") \
	X(cpu_ns, COUNTER, 1000000000, NULL, "process_cpu_seconds_total", NULL, "User and system CPU time spent.") \
	X(open_fds, GAUGE, 1, NULL, "process_open_fds", NULL, "Open file descriptors.") \
	X(max_fds, GAUGE, 1, NULL, "process_max_fds", NULL, "The most that may be open.") \
	X(virtual_bytes, GAUGE, 1, NULL, "process_virtual_memory_bytes", NULL, "Virtual memory size.") \
	X(resident_bytes, GAUGE, 1, NULL, "process_resident_memory_bytes", NULL, "Resident memory size.") \
	X(start_ms, GAUGE, 1000, NULL, "process_start_time_seconds", NULL, "When the process started, since the Unix epoch.")

/* X(field, key, name, label, help): whoever observes has set the buckets. */
#define METRICS_HISTOGRAMS(X) \
	X(wal_write, "wal_fsync", "etcd_disk_wal_fsync_duration_seconds", NULL, "How long a write of the log took until it was durable, in the sense of the durability in force.")

#define METRICS_PEER_HISTOGRAMS(X) \
	X(round_trip, "round_trip", "etcd_network_peer_round_trip_time_seconds", "To", "From a question to the peer's answer, its loop included and its disk not.")

/* clang-format on */

#endif
