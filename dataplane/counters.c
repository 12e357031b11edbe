/* The names of what is counted. */
#include "dataplane/dp.h"

#include <assert.h>

#define DP_DROP_NAME(name, text) [DP_DROP_##name] = text,
static const char *const names[DP_DROP_COUNT] = {DP_DROPS(DP_DROP_NAME)};
#undef DP_DROP_NAME

const char *dp_drop_name(enum dp_drop drop)
{
	assert(drop < DP_DROP_COUNT);
	return names[drop];
}
