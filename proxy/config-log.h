/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parser has to say, to the log */
#pragma once

#include "policy-parser/messages.h"
#include "proxy/base/log.h"

static inline void config_log(const struct config_messages *messages)
{
	for (size_t i = 0; i < messages->n_items; i++) {
		const struct config_message *message = &messages->items[i];

		if (message->severity == CONFIG_ERROR)
			log_error("%s", message->text);
		else
			log_warning("%s", message->text);
	}
	if (messages->n_dropped)
		log_warning("%zu more messages about the configuration", messages->n_dropped);
}
