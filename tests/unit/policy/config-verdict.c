/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Says of each configuration file whether it loads
 *
 *	config-verdict FILE...
 *
 * prints "accepted" or "refused", a tab and the file for each, and behind a second tab
 * the first error.  For test-config-reference.py.
 */
#include <stdio.h>

#include "policy-parser/config.h"

int main(int argc, char **argv)
{
	struct config_environment environment;
	const struct config_options options = {.environment = &environment};

	config_environment_init(&environment);
	for (int i = 1; i < argc; i++) {
		struct config_messages messages = CONFIG_MESSAGES_NULL;
		struct config *config = NULL;
		int r = config_load(argv[i], &options, &config, &messages);

		if (r < 0)
			return 1;
		printf("%s\t%s\t%s\n", r ? "refused" : "accepted", argv[i],
		       r ? messages.items[0].text : "");
		config_free(config);
		config_messages_deinit(&messages);
	}
	return 0;
}
