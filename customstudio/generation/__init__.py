"""Making a suite's videos with a method, so that a kill at any point costs little."""
