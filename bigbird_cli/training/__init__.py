"""Training, whatever the framework: the loop, what a step learns from, the run folder, and how a run goes on."""
