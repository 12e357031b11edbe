/*
 * How memory is had and given back: by jemalloc, whose background thread returns what was freed to
 * the kernel a second later, so that no free holds the loop, and so that what a compaction frees
 * goes back whole. The store is of small pieces of few sizes, which it packs without a header each.
 *
 * Not with sanitizers, which bring an allocator of their own.
 */
#include <jemalloc/jemalloc.h>

/* As jemalloc finds it when it begins, before main. */
const char *malloc_conf = "background_thread:true,max_background_threads:1,dirty_decay_ms:1000,"
			  "muzzy_decay_ms:0,narenas:2";
