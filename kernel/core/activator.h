/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Activators
 *
 * How messages pass between the activator of a name and its owner.
 */
#ifndef KDBUS_ACTIVATOR_H
#define KDBUS_ACTIVATOR_H

#include "kernel/core/names.h"

/**
 * kdbus_activator_move() - what is addressed to a name goes where the name went
 * @name: the name
 * @from: who held it; its queue may have messages of other kinds, which stay
 * @to: who holds it; one of the two is the activator
 *
 * With the registry held for writing.  What cannot be moved is gone afterwards.
 */
void kdbus_activator_move(struct kdbus_name_entry *name, struct kdbus_conn *from,
			  struct kdbus_conn *to);

#endif
