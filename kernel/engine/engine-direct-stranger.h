/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the direct carrier tells its host of messages that come from outside */
#ifndef KERNEL_ENGINE_ENGINE_DIRECT_STRANGER_H
#define KERNEL_ENGINE_ENGINE_DIRECT_STRANGER_H

#include "kernel/engine/engine.h"

struct direct_stranger;
struct kdbus_message;

/**
 * direct_stranger_look() - a message of a stranger, as a receiver would see it
 * @stranger: what was looked at last; it is kept, as a broadcast asks for each receiver
 * @msg: being delivered, the registry is held
 *
 * Return: the message, until the next call for @stranger, or NULL: no memory.
 */
const struct engine_received *direct_stranger_look(struct direct_stranger **stranger,
						   const struct kdbus_message *msg);
/* lets go of it */
void direct_stranger_forget(struct direct_stranger **stranger);

#endif
