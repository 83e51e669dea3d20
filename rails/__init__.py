"""Ways that money enters and leaves: one interface, one adapter a network."""

from rails.interface import Approved, Pull, RailAdapter
from rails.sandbox import SandboxRail

__all__ = ["Approved", "Pull", "RailAdapter", "SandboxRail"]
