# SPDX-License-Identifier: LGPL-2.1-or-later
# The contract of the kdbus ABI: rows says what it is, each test names its rows.
check_LIBRARIES += libabi.a
libabi_a_SOURCES = \
	%D%/carrier.h \
	%D%/carrier-embedded.c \
	%D%/carrier-file.c \
	%D%/carrier-remote.c \
	%D%/client.c \
	%D%/client.h
abi_cppflags = -I$(top_srcdir)/kernel/include/uapi $(AM_CPPFLAGS)
libabi_a_CPPFLAGS = $(abi_cppflags)
abi_ldadd = libabi.a libcommand.a libkdbus-threads.a libbase.a libtap.a

abi_programs = \
	test-abi-handle \
	test-abi-info \
	test-abi-layout \
	test-abi-make \
	test-abi-match \
	test-abi-meta \
	test-abi-names \
	test-abi-namespaces \
	test-abi-parse \
	test-abi-policy \
	test-abi-profile \
	test-abi-queue \
	test-abi-reply \
	test-abi-selftest \
	test-abi-send
check_PROGRAMS += $(abi_programs)

test_abi_handle_SOURCES = %D%/test-abi-handle.c
test_abi_handle_CPPFLAGS = $(abi_cppflags)
test_abi_handle_LDADD = $(abi_ldadd)

test_abi_info_SOURCES = %D%/test-abi-info.c
test_abi_info_CPPFLAGS = $(abi_cppflags)
test_abi_info_LDADD = $(abi_ldadd)

test_abi_layout_SOURCES = %D%/test-abi-layout.c
test_abi_layout_CPPFLAGS = $(abi_cppflags)
test_abi_layout_LDADD = $(abi_ldadd)

test_abi_make_SOURCES = %D%/test-abi-make.c
test_abi_make_CPPFLAGS = $(abi_cppflags)
test_abi_make_LDADD = $(abi_ldadd)

test_abi_match_SOURCES = %D%/test-abi-match.c
test_abi_match_CPPFLAGS = $(abi_cppflags)
test_abi_match_LDADD = $(abi_ldadd)

test_abi_meta_SOURCES = %D%/test-abi-meta.c
test_abi_meta_CPPFLAGS = $(abi_cppflags)
test_abi_meta_LDADD = $(abi_ldadd)

test_abi_names_SOURCES = %D%/test-abi-names.c
test_abi_names_CPPFLAGS = $(abi_cppflags)
test_abi_names_LDADD = $(abi_ldadd)

test_abi_namespaces_SOURCES = %D%/test-abi-namespaces.c
test_abi_namespaces_CPPFLAGS = $(abi_cppflags)
test_abi_namespaces_LDADD = $(abi_ldadd)

test_abi_parse_SOURCES = %D%/test-abi-parse.c
test_abi_parse_CPPFLAGS = $(abi_cppflags)
test_abi_parse_LDADD = $(abi_ldadd)

test_abi_policy_SOURCES = %D%/test-abi-policy.c
test_abi_policy_CPPFLAGS = $(abi_cppflags)
test_abi_policy_LDADD = $(abi_ldadd)

test_abi_profile_SOURCES = %D%/test-abi-profile.c
test_abi_profile_CPPFLAGS = $(abi_cppflags)
test_abi_profile_LDADD = $(abi_ldadd)

test_abi_queue_SOURCES = %D%/test-abi-queue.c
test_abi_queue_CPPFLAGS = $(abi_cppflags)
test_abi_queue_LDADD = $(abi_ldadd)

test_abi_reply_SOURCES = %D%/test-abi-reply.c
test_abi_reply_CPPFLAGS = $(abi_cppflags)
test_abi_reply_LDADD = $(abi_ldadd)

test_abi_selftest_SOURCES = %D%/test-abi-selftest.c
test_abi_selftest_CPPFLAGS = $(abi_cppflags)
test_abi_selftest_LDADD = $(abi_ldadd)

test_abi_send_SOURCES = %D%/test-abi-send.c
test_abi_send_CPPFLAGS = $(abi_cppflags)
test_abi_send_LDADD = $(abi_ldadd)

# a server and kdbus-run around one of them
check_PROGRAMS += abi-run
abi_run_SOURCES = %D%/abi-run.c
abi_run_CPPFLAGS = $(abi_cppflags)
abi_run_LDADD = $(abi_ldadd)

# end of programs
TESTS += $(abi_programs)
dist_check_SCRIPTS += %D%/test-abi-p1.sh
TESTS += %D%/test-abi-p1.sh
MOSTLYCLEANFILES += test-abi-*.p1.log
dist_check_SCRIPTS += %D%/test-abi-remote.sh
TESTS += %D%/test-abi-remote.sh

# both revisions, on each carrier; with ABI_FLAGS=--each a line for every row
ABI_CARRIERS = embedded late remote run
ABI_FLAGS =
dist_check_SCRIPTS += %D%/rows.py
EXTRA_DIST += %D%/rows

check-abi: $(abi_programs) abi-run kdbus-run kdbus-run.so
	$(AM_V_at)$(PYTHON3) '$(abs_top_srcdir)/%D%/rows.py' check \
		$(ABI_CARRIERS:%=--carrier %) --guest module-build $(ABI_FLAGS) \
		$(abi_programs:%=./%)

check-abi-rows:
	$(AM_V_at)$(PYTHON3) '$(abs_top_srcdir)/%D%/rows.py' lint

# takes one check at a time out of the core, each MUTATION_EVERYth of them, and wants a row's
# test to fail
MUTATION_EVERY = 1
dist_check_SCRIPTS += %D%/mutations.py
EXTRA_DIST += %D%/mutations.skip

check-abi-mutations: $(abi_programs)
	$(AM_V_at)$(PYTHON3) '$(abs_top_srcdir)/%D%/mutations.py' --every $(MUTATION_EVERY)

check-abi-sample:
	$(AM_V_at)$(MAKE) check-abi-mutations MUTATION_EVERY=9

.PHONY: check-abi check-abi-rows check-abi-mutations check-abi-sample
