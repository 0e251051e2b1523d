/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers in a configuration
 *
 * Twenty years of files were read by strtol() with base detection, so that is
 * the syntax.
 */
#include "policy-parser/number.h"

#include <errno.h>
#include <stdlib.h>

int number_parse(const char *text, long long *number_out, const char **end_out)
{
	long long number;
	char *end;

	errno = 0;
	number = strtoll(text, &end, 0);
	if (errno == ERANGE)
		return -ERANGE;
	if (end == text)
		return -EINVAL;
	*number_out = number;
	*end_out = end;
	return 0;
}
