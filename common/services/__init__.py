"""What a function does, whichever platform it runs on. `common.bootstrap` gives it connections and a clock."""
