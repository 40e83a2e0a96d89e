"""Tests on a machine of their own, with systemd as PID 1; the machine is thrown away afterwards."""
