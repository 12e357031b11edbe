/* Prints a whole page as Prometheus reads it: for promtool. */
#include "tests/unit/metrics/filled.h"

#include <stdio.h>

int main(void)
{
	static struct metrics m;
	static char text[METRICS_TEXT_SIZE_MAX];
	struct metrics_process process;

	filled_create(&m, &process);
	fwrite(text, 1, metrics_prometheus_text(&m, &process, text, sizeof(text)), stdout);
	return 0;
}
