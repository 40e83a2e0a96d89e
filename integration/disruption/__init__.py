"""`make bench-disruption`: what a running connection notices of an administrator's work, tool by tool."""
