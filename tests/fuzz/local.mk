# SPDX-License-Identifier: LGPL-2.1-or-later
# Fuzz targets.  A target x is fuzz-x.c, its seeds are corpus/x/, its words x.dict
# (optional), the files it is there to reach a line in parsers.  "make check" replays
# the seeds, "make check-fuzz" lets libFuzzer work on them.
fuzz_programs =
check_PROGRAMS += $(fuzz_programs)

if FUZZING
fuzz_ldflags = $(AM_LDFLAGS) -fsanitize=fuzzer
else
# has main()
check_LIBRARIES += libreplay.a
libreplay_a_SOURCES = %D%/replay.c
FUZZ_MAIN = libreplay.a
fuzz_ldflags = $(AM_LDFLAGS)
TESTS += $(fuzz_programs)
endif

EXTRA_DIST += %D%/corpus %D%/parsers
EXTRA_DIST += %D%/address.dict
EXTRA_DIST += %D%/auth.dict
EXTRA_DIST += %D%/busconfig.dict
EXTRA_DIST += %D%/match.dict
EXTRA_DIST += %D%/policy.dict
EXTRA_DIST += %D%/service-exec.dict
EXTRA_DIST += %D%/service-file.dict
EXTRA_DIST += %D%/wire.dict

fuzz_programs += fuzz-auth
fuzz_auth_SOURCES = %D%/fuzz-auth.c %D%/fuzz.h
fuzz_auth_LDFLAGS = $(fuzz_ldflags)
fuzz_auth_LDADD = $(FUZZ_MAIN) libwire.a libbase.a

fuzz_programs += fuzz-address
fuzz_address_SOURCES = %D%/fuzz-address.c %D%/fuzz.h
fuzz_address_LDFLAGS = $(fuzz_ldflags)
fuzz_address_LDADD = $(FUZZ_MAIN) libwire.a libbase.a

fuzz_programs += fuzz-busconfig
fuzz_busconfig_SOURCES = %D%/fuzz-busconfig.c %D%/fuzz.h
fuzz_busconfig_LDFLAGS = $(fuzz_ldflags)
fuzz_busconfig_LDADD = $(FUZZ_MAIN) libpolicy.a $(EXPAT_LIBS)

fuzz_programs += fuzz-policy
fuzz_policy_SOURCES = %D%/fuzz-policy.c %D%/fuzz.h
fuzz_policy_LDFLAGS = $(fuzz_ldflags)
fuzz_policy_LDADD = $(FUZZ_MAIN) libpolicy.a libbase.a $(EXPAT_LIBS)

fuzz_programs += fuzz-service-file
fuzz_service_file_SOURCES = %D%/fuzz-service-file.c %D%/fuzz.h
fuzz_service_file_LDFLAGS = $(fuzz_ldflags)
fuzz_service_file_LDADD = $(FUZZ_MAIN) libservice.a libwire.a

fuzz_programs += fuzz-service-exec
fuzz_service_exec_SOURCES = %D%/fuzz-service-exec.c %D%/fuzz.h
fuzz_service_exec_LDFLAGS = $(fuzz_ldflags)
fuzz_service_exec_LDADD = $(FUZZ_MAIN) libservice.a

fuzz_programs += fuzz-wire
fuzz_wire_SOURCES = %D%/fuzz-wire.c %D%/fuzz.h
fuzz_wire_LDFLAGS = $(fuzz_ldflags)
fuzz_wire_LDADD = $(FUZZ_MAIN) libnaive.a libwire.a libbase.a

fuzz_programs += fuzz-inbound
fuzz_inbound_SOURCES = %D%/fuzz-inbound.c %D%/fuzz.h
fuzz_inbound_LDFLAGS = $(fuzz_ldflags)
fuzz_inbound_LDADD = $(FUZZ_MAIN) libproxy.a libwire.a libbase.a

# the seeds of fuzz-wire that are messages
EXTRA_PROGRAMS += make-seeds
make_seeds_SOURCES = %D%/make-seeds.c
make_seeds_LDADD = libnaive.a
EXTRA_DIST += %D%/make-items-seeds.py %D%/make-remote-seeds.py %D%/make-stream-seeds.py
.PHONY: seeds
seeds: make-seeds
	$(AM_V_at)$(PYTHON3) $(top_srcdir)/%D%/make-items-seeds.py $(top_srcdir)/%D%/corpus/items
	$(AM_V_at)$(PYTHON3) $(top_srcdir)/%D%/make-remote-seeds.py $(top_srcdir)/%D%/corpus/remote
	$(AM_V_at)$(PYTHON3) $(top_srcdir)/%D%/make-stream-seeds.py $(top_srcdir)/%D%/corpus/stream
	$(AM_V_at)./make-seeds $(top_srcdir)/%D%/corpus/wire $(top_srcdir)/tests/data/messages/valid/*
fuzz_programs += fuzz-match
fuzz_match_SOURCES = %D%/fuzz-match.c %D%/fuzz.h \
	tests/unit/proxy/rule-text.c tests/unit/proxy/rule-text.h
fuzz_match_LDFLAGS = $(fuzz_ldflags)
fuzz_match_LDADD = $(FUZZ_MAIN) libwire.a libbase.a

fuzz_programs += fuzz-items
fuzz_items_SOURCES = %D%/fuzz-items.c %D%/fill.c %D%/fill.h %D%/fuzz.h
fuzz_items_CPPFLAGS = $(SHIM_CPPFLAGS) $(AM_CPPFLAGS)
fuzz_items_LDFLAGS = $(fuzz_ldflags)
fuzz_items_LDADD = $(FUZZ_MAIN) libkdbus.a libbase.a

fuzz_programs += fuzz-remote
fuzz_remote_SOURCES = %D%/fuzz-remote.c %D%/fuzz.h
fuzz_remote_LDFLAGS = $(fuzz_ldflags)
fuzz_remote_LDADD = $(FUZZ_MAIN) libkdbus.a libbase.a

fuzz_programs += fuzz-stream
fuzz_stream_SOURCES = %D%/fuzz-stream.c %D%/fuzz.h
fuzz_stream_LDFLAGS = $(fuzz_ldflags)
fuzz_stream_LDADD = $(FUZZ_MAIN) libkdbus.a libbase.a

fuzz_programs += fuzz-sequence
fuzz_sequence_SOURCES = %D%/fuzz-sequence.c %D%/fill.c %D%/fill.h %D%/fuzz.h
fuzz_sequence_CPPFLAGS = $(SHIM_CPPFLAGS) $(AM_CPPFLAGS)
fuzz_sequence_LDFLAGS = $(fuzz_ldflags)
fuzz_sequence_LDADD = $(FUZZ_MAIN) libkdbus.a libbase.a

# how long check-fuzz runs each of them
FUZZ_SECONDS = 60
