/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client's socket */
#pragma once

#include "proxy/client.h"

/* the socket is ready: source->dispatch of a client */
void client_dispatch(struct loop_source *source, uint32_t events);
/* makes epoll ask for what the client can do just now */
void client_update_events(struct client *client);
/* takes everything out of the engine's queue and keeps it to be written; 0 or -ENOMEM */
int client_drain(struct client *client);
