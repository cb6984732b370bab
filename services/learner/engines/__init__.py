"""Where the learner's work is done: in this process, in a pool of processes, or by Apache Spark; the same functions in each."""
