"""What people and programs talk to. Wiring only: every interface calls `Animator` and nothing deeper."""
