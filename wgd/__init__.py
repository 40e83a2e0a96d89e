"""wgd keeps a WireGuard host exactly as its TOML files say."""

__version__ = "0.1.0"
