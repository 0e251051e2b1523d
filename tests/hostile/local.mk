# SPDX-License-Identifier: LGPL-2.1-or-later
# A hundred good clients beside one that means harm.
check_PROGRAMS += bus-hostile
bus_hostile_SOURCES = \
	%D%/bus-hostile.c \
	%D%/load.c \
	%D%/load.h \
	%D%/offence.c \
	%D%/offence.h \
	tests/bench/contender.c \
	tests/bench/contender.h \
	tests/bench/peer.c \
	tests/bench/peer.h \
	tests/bench/relay.c \
	tests/bench/relay.h \
	tests/bench/spread.c \
	tests/bench/spread.h
dist_check_SCRIPTS += %D%/test-bus-hostile.sh
TESTS += %D%/test-bus-hostile.sh

check-hostile: bus-hostile$(EXEEXT) $(bin_PROGRAMS)
	$(AM_V_at)./bus-hostile$(EXEEXT) --strict $(HOSTILE_FLAGS)

.PHONY: check-hostile
