/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reserve: see reserve.h. */
#include "proxy/reserve.h"

#include <errno.h>
#include <stdlib.h>

#include "kernel/engine/engine.h"

int reserve_fill(struct reserve *reserve, uint32_t n_unsent)
{
	if (!reserve->unsent) {
		reserve->unsent = malloc(sizeof(*reserve->unsent) +
					 n_unsent * sizeof(reserve->unsent->messages[0]));
		reserve->n_unsent = n_unsent;
	}
	if (!reserve->held)
		reserve->held = malloc(sizeof(*reserve->held));
	return reserve->unsent && reserve->held ? 0 : -ENOMEM;
}

void reserve_deinit(struct reserve *reserve)
{
	free(reserve->unsent);
	free(reserve->held);
	*reserve = (struct reserve){0};
}
