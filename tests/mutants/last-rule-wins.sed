# SPDX-License-Identifier: GPL-2.0
# The search for a rule goes on behind the first that matches.
# file: src/rules.c
# kills: rules:first_match_wins
/found = rule;/{n
s/break;/continue;/
}
