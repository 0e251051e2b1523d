/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pieces of policies, as text for a configuration */
#pragma once

#define NAME  "org.example.Name"
#define OTHER "org.example.Other"

/* rules; attributes as in the format */
#define DENY(attributes)  "<deny " attributes "/>"
#define ALLOW(attributes) "<allow " attributes "/>"
#define DENY_NAME	  DENY("send_destination=\"" NAME "\"")
#define ALLOW_NAME	  ALLOW("send_destination=\"" NAME "\"")

/* sections */
#define MANDATORY(rules)    "<policy context=\"mandatory\">\n" rules "\n</policy>\n"
#define FOR_USER(u, rules)  "<policy user=\"" u "\">" rules "</policy>\n"
#define FOR_GROUP(g, rules) "<policy group=\"" g "\">" rules "</policy>\n"
#define EVERYBODY_COMES	    "<policy context=\"default\"><allow user=\"*\"/></policy>\n"
