/*
 * formation reset: the way out for a member whose cluster cannot come to be (quoinctl(1)).
 */
#include "tools/quoinctl/quoinctl.h"

#include <stdio.h>

int command_formation_reset(const struct options *options)
{
	struct endpoint *e = options->endpoint[0];
	struct endpoint_answer answer;
	int err;

	if (options->word_count > 0)
		return complain(EXIT_MISUSED, "formation reset takes no argument");
	if (options->endpoint_count != 1)
		return complain(EXIT_MISUSED,
				"formation reset goes to one member: --endpoints=unix:PATH");
	err = endpoint_call(e, WIRE_RESET, NULL, 0, options->timeout_ns, &answer);
	if (!err && answer.status == WIRE_REFUSED)
		return complain(
			EXIT_FAILED,
			"%s: refused: it has a term or an entry, so others may rest on what it "
			"holds; or this is not its unix: endpoint",
			endpoint_text(e));
	if (!err)
		err = (int)answer.status;
	if (err)
		return complain(EXIT_FAILED, "%s: %s", endpoint_text(e), endpoint_error_text(err));
	printf("%s: its directory is fresh\n", endpoint_text(e));
	return EXIT_ANSWERED;
}
