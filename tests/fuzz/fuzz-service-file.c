/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Service files: what is read, written down plainly and read again is the same */
#include <stdio.h>
#include <string.h>

#include "proxy/activation/service-file.h"
#include "tests/fuzz/fuzz.h"

static void write_value(FILE *f, const char *key, const char *value)
{
	static const char specials[] = " \n\t\r\\";
	static const char letters[] = "sntr\\";

	if (!value)
		return;
	fprintf(f, "%s=", key);
	for (; *value; value++) {
		const char *special = strchr(specials, *value);

		if (special)
			fprintf(f, "\\%c", letters[special - specials]);
		else
			fputc(*value, f);
	}
	fputc('\n', f);
}

static void expect_equal(const char *a, const char *b)
{
	fuzz_expect(!a == !b && (!a || !strcmp(a, b)));
}

static void expect_round_trip(const struct service_file *file)
{
	struct service_file_error error;
	struct service_file again;
	char *bytes;
	size_t size;
	FILE *f;
	int r;

	f = open_memstream(&bytes, &size);
	fuzz_expect(f);
	fputs("[D-BUS Service]\n", f);
	write_value(f, "Name", file->name);
	write_value(f, "Exec", file->exec);
	write_value(f, "User", file->user);
	write_value(f, "SystemdService", file->systemd_service);
	write_value(f, "AssumedAppArmorLabel", file->apparmor_label);
	fuzz_expect(!fclose(f));
	r = service_file_parse(bytes, size, &again, &error);
	free(bytes);
	/* the escapes of a file that is nearly too large make it too large */
	if (r) {
		fuzz_expect(size > SERVICE_FILE_MAX_SIZE);
		return;
	}
	expect_equal(again.name, file->name);
	expect_equal(again.exec, file->exec);
	expect_equal(again.user, file->user);
	expect_equal(again.systemd_service, file->systemd_service);
	expect_equal(again.apparmor_label, file->apparmor_label);
	fuzz_expect(again.name_line == 2 && again.exec_line == 3);
	service_file_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct service_file_error error = {0};
	struct service_file file;
	int r;

	r = service_file_parse((const char *)bytes, size, &file, &error);
	if (r) {
		fuzz_expect(r == SERVICE_FILE_INVALID && error.text);
		return 0;
	}
	fuzz_expect(file.name && file.exec && file.name_line && file.exec_line);
	expect_round_trip(&file);
	service_file_deinit(&file);
	service_file_deinit(&file);
	return 0;
}
