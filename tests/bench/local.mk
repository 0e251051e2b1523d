# SPDX-License-Identifier: LGPL-2.1-or-later
# What a message costs.  "make bench" measures; "make check" only looks whether
# the benchmark can still be built and run.
check_PROGRAMS += bus-bench
bus_bench_SOURCES = \
	%D%/bus-bench.c \
	%D%/contender.c \
	%D%/contender.h \
	%D%/measure.c \
	%D%/measure.h \
	%D%/peer.c \
	%D%/peer.h \
	%D%/report.c \
	%D%/report.h \
	%D%/spread.c \
	%D%/spread.h
dist_check_SCRIPTS += %D%/test-bench.sh %D%/with-rules
TESTS += %D%/test-bench.sh

bench: bus-bench$(EXEEXT) $(bin_PROGRAMS)
	$(AM_V_at)./bus-bench$(EXEEXT) $(BENCH_FLAGS)

bench-quick: bus-bench$(EXEEXT) $(bin_PROGRAMS)
	$(AM_V_at)./bus-bench$(EXEEXT) --quick $(BENCH_FLAGS)

# the same daemon once more, with 1000 rules of policy: the contender "also"
bench-rules: bus-bench$(EXEEXT) $(bin_PROGRAMS)
	$(AM_V_at)BP_DAEMON=./bus-proxyd ./bus-bench$(EXEEXT) --measure=round-trip-0 \
		--also=$(srcdir)/%D%/with-rules $(BENCH_FLAGS)

.PHONY: bench bench-quick bench-rules
