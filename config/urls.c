/*
 * listen-metrics-urls: where the kernel's TCP is listened on, a list as etcd writes it.
 */
#include "config/load.h"

#include "config/value.h"

#include <stdlib.h>
#include <string.h>

static void bad(struct config_loading *l, uint32_t line, const char *url)
{
	const struct config_key *key = &config_keys[KEY_LISTEN_METRICS_URLS];
	char shown[CONFIG_SHOWN_SIZE];

	l->bad[KEY_LISTEN_METRICS_URLS] = true;
	config_shown(url, shown);
	if (strncmp(url, "https://", 8) == 0)
		config_error(l, line, key->name, "%s: there is no TLS here: http://%s", shown,
			     shown + 8);
	else
		config_error_wrong(l, line, key, url);
}

static void add(struct config_loading *l, const char *text, uint32_t line)
{
	const char *name = config_keys[KEY_LISTEN_METRICS_URLS].name;
	struct config *c = l->config;
	struct config_url url;

	if (config_value_url(text, &url.address, &url.port) != 0) {
		bad(l, line, text);
		return;
	}
	for (uint32_t i = 0; i < c->metrics_url_count; i++) {
		const struct config_url *other = &c->metrics_url[i];

		if (other->port != url.port ||
		    (other->address != url.address && other->address && url.address))
			continue;
		l->bad[KEY_LISTEN_METRICS_URLS] = true;
		config_error(l, line, name, "%s is given twice: each port of an address once",
			     text);
		return;
	}
	if (c->metrics_url_count == CONFIG_URLS_MAX) {
		l->bad[KEY_LISTEN_METRICS_URLS] = true;
		config_error(l, line, name, "%s is one too many: at most %u", text,
			     (unsigned)CONFIG_URLS_MAX);
		return;
	}
	c->metrics_url[c->metrics_url_count++] = url;
}

void config_urls_set(struct config_loading *l, const char *text, uint32_t line)
{
	char *copy = strdup(text), *rest = copy, *url;

	if (copy == NULL) {
		bad(l, line, "");
		return;
	}
	while ((url = strsep(&rest, ",")) != NULL) {
		url += strspn(url, " ");
		for (size_t size = strlen(url); size > 0 && url[size - 1] == ' '; size--)
			url[size - 1] = '\0';
		add(l, url, line);
	}
	free(copy);
}
