/*
 * Admin commands: for one member, by its unix: endpoint.
 */
#include "tools/quoinctl/quoinctl.h"

#include <stdio.h>

int command_admin(const struct options *options, const char *name, const struct admin *admin)
{
	struct endpoint *e = options->endpoint[0];
	struct endpoint_answer answer;
	int err;

	if (options->word_count > 0)
		return complain(EXIT_MISUSED, "%s takes no argument", name);
	if (options->endpoint_count != 1)
		return complain(EXIT_MISUSED, "%s goes to one member: --endpoints=unix:PATH", name);
	err = endpoint_call(e, admin->kind, NULL, 0, options->timeout_ns, &answer);
	if (!err && answer.status == WIRE_REFUSED)
		return complain(EXIT_FAILED, "%s: refused: %s; or this is not its unix: endpoint",
				endpoint_text(e), admin->refused);
	if (!err)
		err = (int)answer.status;
	if (err)
		return complain(EXIT_FAILED, "%s: %s", endpoint_text(e), endpoint_error_text(err));
	printf("%s: %s\n", endpoint_text(e), admin->done);
	return EXIT_ANSWERED;
}
