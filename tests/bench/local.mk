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
	%D%/report.h
dist_check_SCRIPTS += %D%/test-bench.sh
TESTS += %D%/test-bench.sh

bench: bus-bench$(EXEEXT) $(bin_PROGRAMS)
	$(AM_V_at)./bus-bench$(EXEEXT) $(BENCH_FLAGS)

bench-quick: bus-bench$(EXEEXT) $(bin_PROGRAMS)
	$(AM_V_at)./bus-bench$(EXEEXT) --quick $(BENCH_FLAGS)

.PHONY: bench bench-quick
